import type { KeyType } from '../values/entity-key.ts'
import { type FeatureType, widens } from '../values/feature-type.ts'
import { declaredColumns } from './check-sources.ts'
import type { EntityDef, SourceDef, ViewDef } from './definition.ts'
import type { Draft } from './draft.ts'
import { type Finding, suggest } from './finding.ts'
import { createdColumn } from './resolved-view.ts'
import { type Checked, findingAt, listPlaces } from './checked.ts'

/** Checks views against their entities and sources. */
export function checkViews(checked: Checked): Finding[] {
  return checked.drafts.flatMap((draft) =>
    draft.definition?.kind === 'view' ? checkView(checked, { draft, view: draft.definition }) : [],
  )
}

interface Viewed {
  readonly draft: Draft
  readonly view: ViewDef
}

interface Key {
  readonly type: KeyType
  readonly entity: string
}

function checkView(checked: Checked, viewed: Viewed): Finding[] {
  const { draft, view } = viewed
  const findings = [...checkEntities(checked, viewed), ...checkSourceName(checked, viewed)]
  const entities = view.entities.flatMap((name) => checked.definitions.entities.get(name) ?? [])
  const keys = joinKeys(entities)
  // With an entity missing, its keys are unknown: then only what is sure is said.
  const allKnown = entities.length === view.entities.length
  if (allKnown) findings.push(...checkMapping(viewed, [...keys.keys()]))
  findings.push(...checkFeatureNames(viewed, keys))
  const source = checked.definitions.sources.get(view.source)
  if (source !== undefined)
    findings.push(...checkTimes(viewed, source, keys), ...(allKnown ? checkColumns(viewed, source, keys) : []))
  return findings.map((finding) => ({ ...finding, part: draft.part }))
}

function checkEntities(checked: Checked, { draft, view }: Viewed): Finding[] {
  const names = checked.names('entity')
  const findings: Finding[] = []
  const types = new Map<string, Key>()
  const places = listPlaces(draft, 'entities')
  for (const [i, name] of view.entities.entries()) {
    const at = places[i] ?? ['entities']
    if (view.entities.indexOf(name) !== i)
      findings.push(
        findingAt(draft, at, {
          code: 'INVALID_DEFINITION',
          detail: `${draft.subject} names the entity "${name}" twice`,
          remedy: 'Name it once.',
        }),
      )
    if (!names.includes(name)) {
      if (checked.complete)
        findings.push(
          findingAt(draft, at, {
            code: 'UNKNOWN_ENTITY',
            detail: `${draft.subject} names the entity "${name}", which does not exist`,
            ...suggest(name, names, 'entities'),
          }),
        )
      continue
    }
    for (const key of checked.definitions.entities.get(name)?.keys ?? []) {
      const before = types.get(key.name)
      if (before !== undefined && before.type !== key.type) {
        const detail = `${draft.subject}: the join key "${key.name}" is ${before.type} in entity ${before.entity} and ${key.type} in entity ${name}`
        findings.push(
          findingAt(draft, at, { code: 'INVALID_DEFINITION', detail, remedy: 'Give the key one type, or two names.' }),
        )
      }
      types.set(key.name, before ?? { type: key.type, entity: name })
    }
  }
  return findings
}

function checkSourceName(checked: Checked, { draft, view }: Viewed): Finding[] {
  const names = checked.names('source')
  // An empty name stands for one that is missing or wrong, which is said already.
  if (view.source === '' || names.includes(view.source) || !checked.complete) return []
  const detail = `${draft.subject} names the source "${view.source}", which does not exist`
  return [findingAt(draft, ['source'], { code: 'UNKNOWN_SOURCE', detail, ...suggest(view.source, names, 'sources') })]
}

function checkMapping({ draft, view }: Viewed, keys: readonly string[]): Finding[] {
  return [...view.keys.keys()]
    .filter((key) => !keys.includes(key))
    .map((key) => {
      const detail = `${draft.subject} maps the join key "${key}", which its entities do not have`
      return findingAt(
        draft,
        ['keys', key],
        { code: 'UNKNOWN_JOIN_KEY', detail, ...suggest(key, keys, 'join keys') },
        'key',
      )
    })
}

function checkFeatureNames({ draft, view }: Viewed, keys: ReadonlyMap<string, Key>): Finding[] {
  return view.features.flatMap(({ name }) => {
    const key = [...keys].find(([keyName]) => keyName.toLowerCase() === name.toLowerCase())
    if (key === undefined) return []
    const detail = `${draft.subject}: the feature "${name}" has the name of a join key of entity ${key[1].entity}`
    return [
      findingAt(
        draft,
        ['features', name],
        { code: 'NAME_COLLISION', detail, remedy: 'Rename the feature; `column:` keeps its source column.' },
        'key',
      ),
    ]
  })
}

/** A pushed row holds keys, features and the time columns side by side, so one name cannot mean two columns. */
function checkTimes({ draft, view }: Viewed, source: SourceDef, keys: ReadonlyMap<string, Key>): Finding[] {
  const times = new Map([[source.timestamp.toLowerCase(), source.timestamp]])
  const created = createdColumn(source)
  if (created !== null) times.set(created.toLowerCase(), created)
  const clash = (name: string, column: string): string | undefined => {
    const time = times.get(name.toLowerCase())
    return time === undefined || column === time ? undefined : time
  }
  const features = view.features.flatMap(({ name, column }) => {
    const time = clash(name, column)
    if (time === undefined) return []
    const detail = `${draft.subject}: the feature "${name}" has the name of the time column "${time}" of source ${source.name}, but another column`
    return [
      findingAt(draft, ['features', name], { code: 'NAME_COLLISION', detail, remedy: 'Rename the feature.' }, 'key'),
    ]
  })
  const joined = [...keys].flatMap(([name, { entity }]) => {
    const time = clash(name, view.keys.get(name) ?? name)
    if (time === undefined) return []
    const detail = `${draft.subject}: the join key "${name}" of entity ${entity} has the name of the time column "${time}" of source ${source.name}`
    return [
      findingAt(draft, ['source'], {
        code: 'NAME_COLLISION',
        detail,
        remedy: 'Rename the join key or the time column.',
      }),
    ]
  })
  return [...features, ...joined]
}

/** A declared schema can be checked here; the columns of files and queries are checked when they are read. */
function checkColumns({ draft, view }: Viewed, source: SourceDef, keys: ReadonlyMap<string, Key>): Finding[] {
  const columns = declaredColumns(source)
  if (columns === undefined) return []
  const check = (column: string, type: FeatureType, at: readonly string[]): Finding[] => {
    const declared = columns.find((candidate) => candidate.name === column)
    if (declared === undefined) {
      const detail = `${draft.subject} reads the column "${column}", which source ${source.name} does not have`
      const names = columns.map((candidate) => candidate.name)
      return [
        findingAt(
          draft,
          at,
          { code: 'MISSING_COLUMN', detail, ...suggest(column, names, `columns of ${source.name}`) },
          'key',
        ),
      ]
    }
    if (widens(declared.type, type)) return []
    const detail = `${draft.subject} reads the column "${column}" as ${type}, but source ${source.name} declares it as ${declared.type}`
    return [findingAt(draft, at, { code: 'TYPE_MISMATCH', detail, remedy: `Declare it as ${declared.type}.` })]
  }
  return [
    ...[...keys].flatMap(([name, key]) =>
      check(view.keys.get(name) ?? name, key.type, view.keys.has(name) ? ['keys', name] : ['source']),
    ),
    ...view.features.flatMap((feature) => check(feature.column, feature.type, ['features', feature.name])),
  ]
}

/** The join keys of entities, in order; a shared one once. */
export function joinKeys(entities: readonly EntityDef[]): ReadonlyMap<string, Key> {
  const keys = new Map<string, Key>()
  for (const entity of entities)
    for (const { name, type } of entity.keys) if (!keys.has(name)) keys.set(name, { type, entity: entity.name })
  return keys
}
