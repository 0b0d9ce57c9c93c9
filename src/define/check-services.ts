import { isProvenderError } from '../kernel/errors.ts'
import type { KeyType } from '../values/entity-key.ts'
import { joinKeys } from './check-views.ts'
import type { ServiceDef, ViewDef } from './definition.ts'
import type { Draft } from './draft.ts'
import { type Finding, suggest } from './finding.ts'
import type { Path } from './place.ts'
import { parseReference, type Reference } from './reference.ts'
import { type Checked, findingAt, listPlaces } from './checked.ts'

/** Checks services: that what their references name exists, and that no two outputs share a name. */
export function checkServices(checked: Checked): Finding[] {
  return checked.drafts.flatMap((draft) =>
    draft.definition?.kind === 'service' ? checkService(checked, { draft, service: draft.definition }) : [],
  )
}

interface Served {
  readonly draft: Draft
  readonly service: ServiceDef
}

/** A reference whose view is known. */
interface Read {
  readonly reference: Reference
  readonly view: ViewDef
  readonly at: Path
}

function checkService(checked: Checked, served: Served): Finding[] {
  const findings: Finding[] = []
  const reads: Read[] = []
  const places = listPlaces(served.draft, 'features')
  for (const [i, text] of served.service.features.entries()) {
    const at = places[i] ?? ['features']
    const read = checkReference(checked, served, { text, at })
    findings.push(...read.findings)
    if (read.read !== undefined) reads.push(read.read)
  }
  return [...findings, ...checkAliases(served, reads), ...checkOutputs(checked, served, reads)]
}

interface Written {
  readonly text: string
  readonly at: Path
}

function checkReference(
  checked: Checked,
  { draft }: Served,
  { text, at }: Written,
): { readonly findings: readonly Finding[]; readonly read?: Read } {
  const reference = parsed(text)
  if (typeof reference === 'string')
    return {
      findings: [
        findingAt(draft, at, {
          code: 'INVALID_DEFINITION',
          detail: `${draft.subject}: "${text}" is not a feature reference`,
          remedy: reference,
        }),
      ],
    }
  const { name } = reference
  const target = checked.draft('view', name)
  if (target === undefined) return { findings: unknownView(checked, draft, { reference, at }) }
  if (target.definition?.kind !== 'view') return { findings: [] }
  const view = target.definition
  const findings: Finding[] = []
  const entities = view.entities.flatMap((entity) => checked.definitions.entities.get(entity) ?? [])
  const keys = [...joinKeys(entities).keys()]
  for (const key of reference.keys.keys()) {
    if (keys.includes(key) || entities.length < view.entities.length) continue
    const detail = `${draft.subject}: "${text}" maps the join key "${key}", which view ${name} does not have`
    findings.push(
      findingAt(draft, at, { code: 'UNKNOWN_JOIN_KEY', detail, ...suggest(key, keys, `join keys of ${name}`) }),
    )
  }
  const features = view.features.map((feature) => feature.name)
  const { feature } = reference
  if (feature !== undefined && !features.includes(feature)) {
    if (target.reserved.includes(feature)) return { findings }
    const detail = `${draft.subject} names the feature "${feature}", which view ${name} does not have`
    return {
      findings: [
        ...findings,
        findingAt(draft, at, {
          code: 'UNKNOWN_FEATURE',
          detail,
          ...suggest(feature, [...features, ...target.reserved], `features of ${name}`),
        }),
      ],
    }
  }
  return { findings, read: { reference, view, at } }
}

function unknownView(
  checked: Checked,
  draft: Draft,
  { reference, at }: { readonly reference: Reference; readonly at: Path },
): Finding[] {
  const { name } = reference
  if (checked.names('on-demand').includes(name)) return []
  if (checked.names('service').includes(name)) {
    const detail = `${draft.subject} names the service "${name}"; a service lists views and features`
    return [findingAt(draft, at, { code: 'INVALID_DEFINITION', detail, remedy: `List what ${name} lists.` })]
  }
  if (!checked.complete) return []
  const detail = `${draft.subject} names the view "${name}", which does not exist`
  return [findingAt(draft, at, { code: 'UNKNOWN_VIEW', detail, ...suggest(name, checked.names('view'), 'views') })]
}

/** One alias is one view read by one mapping, and never the name of a view that is read beside it. */
function checkAliases({ draft }: Served, reads: readonly Read[]): Finding[] {
  const meanings = new Map<string, string>()
  return reads.flatMap(({ reference, at }) => {
    const label = reference.alias ?? reference.name
    const mapping = [...reference.keys].map((pair) => pair.join('=')).sort()
    const meaning = JSON.stringify([reference.name, reference.alias ?? null, mapping])
    const before = meanings.get(label)
    meanings.set(label, before ?? meaning)
    if (before === undefined || before === meaning) return []
    const detail = `${draft.subject}: "${label}" stands for two different readings`
    return [findingAt(draft, at, { code: 'NAME_COLLISION', detail, remedy: 'Give each its own alias: view@alias.' })]
  })
}

function checkOutputs(checked: Checked, { draft }: Served, reads: readonly Read[]): Finding[] {
  const findings: Finding[] = []
  const columns = new Map<string, { readonly name: string; readonly type: KeyType; readonly by: string }>()
  for (const { reference, view, at } of reads) {
    const entities = view.entities.flatMap((entity) => checked.definitions.entities.get(entity) ?? [])
    for (const [key, { type }] of joinKeys(entities)) {
      const name = reference.keys.get(key) ?? key
      const before = columns.get(name.toLowerCase())
      columns.set(name.toLowerCase(), before ?? { name, type, by: reference.text })
      if (before === undefined || (before.type === type && before.name === name)) continue
      const differ =
        before.name === name
          ? `${before.type} for "${before.by}" and ${type} for "${reference.text}"`
          : `also written "${before.name}"`
      findings.push(
        findingAt(draft, at, {
          code: 'NAME_COLLISION',
          detail: `${draft.subject}: the key column "${name}" is ${differ}`,
          remedy: 'Map one of the keys to a column of its own: view@alias(join_key=column).',
        }),
      )
    }
  }
  const outputs = new Map<string, string>()
  for (const { reference, view, at } of reads) {
    const features =
      reference.feature === undefined ? view.features.map((feature) => feature.name) : [reference.feature]
    for (const feature of features) {
      const output = reference.alias === undefined ? feature : `${reference.alias}__${feature}`
      const before = outputs.get(output) ?? (columns.has(output) ? 'a key column' : undefined)
      outputs.set(output, before ?? `"${reference.text}"`)
      if (before === undefined) continue
      const detail = `${draft.subject}: the output "${output}" of "${reference.text}" is also that of ${before}`
      findings.push(
        findingAt(draft, at, {
          code: 'NAME_COLLISION',
          detail,
          remedy: 'Read one of the two under an alias: view@alias.',
        }),
      )
    }
  }
  return findings
}

/** The reference, or what to do where it is none. */
function parsed(text: string): Reference | string {
  try {
    return parseReference(text)
  } catch (thrown) {
    if (isProvenderError(thrown)) return thrown.remedy
    throw thrown
  }
}
