import { likelyName } from '../../define/name.ts'
import type { FeatureType } from '../../values/feature-type.ts'
import type { ProfiledColumn, Profile } from './profile.ts'

/** What was chosen of a file, and where it will be read. */
export interface Choice {
  readonly profile: Profile
  /** The file's name without its folder. */
  readonly file: string
  /** As the source names it. */
  readonly path: string
  readonly keys: readonly ProfiledColumn[]
  readonly timestamp: ProfiledColumn
  readonly created: ProfiledColumn | undefined
}

/** Definitions as the text of a file, and what stands in it. */
export interface Written {
  readonly source: string
  readonly entity: string
  readonly view: string
  readonly text: string
  readonly keys: readonly { readonly name: string; readonly type: FeatureType; readonly column: string }[]
  readonly features: readonly { readonly name: string; readonly type: FeatureType; readonly column: string }[]
  /** Columns that no type reads. */
  readonly leftOut: readonly ProfiledColumn[]
}

/** Output columns of historical reads, which a feature must not be named as. */
const takenNames = ['event_timestamp', 'created_timestamp']

/** Writes an entity, a source and a view for a file: every column that is neither key nor time is a feature. */
export function written(choice: Choice): Written {
  const { profile, keys, timestamp, created } = choice
  const source = nameOf(choice.file.replace(/\.[^.]*$/, '')) ?? 'rows'
  const names = namer(takenNames)
  const joinKeys = keys.map((column) => ({ ...named(column, names(column.name, 'key')), column: column.name }))
  const others = profile.columns.filter((column) => ![...keys, timestamp, created].includes(column))
  const usable = others.filter((column) => column.type !== null && column.name.trim() !== '')
  const features = usable.map((column) => ({ ...named(column, names(column.name, 'column')), column: column.name }))
  const entity = entityName(
    joinKeys.map(({ name }) => name),
    source,
  )
  const view = nameOf(`${entity}_${source}`) ?? source
  const facts = {
    source,
    entity,
    view,
    keys: joinKeys,
    features,
    leftOut: others.filter((each) => !usable.includes(each)),
  }
  return { ...facts, text: textOf(choice, facts) }
}

const named = ({ type }: ProfiledColumn, name: string): { name: string; type: FeatureType } => ({
  name,
  type: type ?? 'string',
})

/** Gives every column a name of its own. */
function namer(taken: readonly string[]): (column: string, fallback: string) => string {
  const used = new Set(taken)
  return (column, fallback) => {
    const name = nameOf(column) ?? nameOf(`${fallback}_${column}`) ?? fallback
    let own = name
    for (let n = 2; used.has(own); n++) own = `${name.slice(0, longestStem)}_${n}`
    used.add(own)
    return own
  }
}

/** The name that a text stands for, if any: `weird_col` for `weird col!`. */
export const nameOf = (text: string): string | undefined => likelyName(text)?.replace(/(?<=[a-z0-9])_+$/, '')

/** Leaves room for a number. */
const longestStem = 55

/** `customer` for the key `customer_id`; of a bare `id`, what the file is named for. */
function entityName(keys: readonly string[], source: string): string {
  const stems = keys.map((key) =>
    key.replace(/_(?:id|uuid|guid|key|code|no|nr|number)$/, '').replace(/^(?:id|uuid|guid|key|code|no|nr|number)$/, ''),
  )
  return nameOf(stems.filter((stem) => stem !== '').join('_')) ?? source
}

function textOf({ profile, file, path, timestamp, created }: Choice, facts: Omit<Written, 'text'>): string {
  const { keys, features, leftOut } = facts
  const [source, entity, view] = [facts.source, facts.entity, facts.view].map(yamlText)
  const [only] = keys
  const keyTypes = `{ ${keys.map(({ name, type }) => `${yamlText(name)}: ${type}`).join(', ')} }`
  const key = keys.length > 1 ? `keys: ${keyTypes}` : `key: ${only?.name === facts.entity ? only.type : keyTypes}`
  const mapped = keys
    .filter(({ name, column }) => name !== column)
    .map(({ name, column }) => `${yamlText(name)}: ${yamlText(column)}`)
  const times = `timestamp: ${yamlText(timestamp.name)}${created === undefined ? '' : `, created: ${yamlText(created.name)}`}`
  const lines = [
    '# yaml-language-server: $schema=../provender.schema.json',
    `# Guessed from ${oneLine(file)}. Change what is not right, then: provender plan`,
    '',
    'entities:',
    `  ${entity}: { ${key} }`,
    '',
    'sources:',
    `  ${source}: { type: ${profile.format}, path: ${yamlText(path)}, ${times} }`,
    '',
    'views:',
    `  ${view}:`,
    `    description: ${yamlText(`What ${oneLine(file)} says of a ${facts.entity.replaceAll('_', ' ')}`)}`,
    `    entities: [${entity}]`,
    `    source: ${source}`,
    ...(mapped.length === 0 ? [] : [`    keys: { ${mapped.join(', ')} }`]),
    '    # ttl: 30d                          # older values are withheld; without it there is no limit',
    '    features:',
    ...features.map(
      ({ name, type, column }) =>
        `      ${yamlText(name)}: ${name === column ? type : `{ type: ${type}, column: ${yamlText(column)} }`}`,
    ),
    ...leftOut.map(
      ({ name, written: type }) => `      # left out: ${oneLine(name)} (${oneLine(type)}), which no type here reads`,
    ),
  ]
  return `${lines.join('\n')}\n`
}

/** A text as YAML takes it: bare where nothing can be misread. */
const yamlText = (text: string): string =>
  /^[a-z_][a-z0-9_]*$/i.test(text) && !/^(?:true|false|null|yes|no|on|off|y|n)$/i.test(text)
    ? text
    : JSON.stringify(text)

const oneLine = (text: string): string => text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ')
