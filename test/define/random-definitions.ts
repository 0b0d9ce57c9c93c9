import fc from 'fast-check'

/** A valid document of definitions in the YAML grammar, in any mix of its short and long forms. */
export interface RandomDocument {
  readonly entities: Record<string, Record<string, unknown>>
  readonly sources: Record<string, Record<string, unknown>>
  readonly views: Record<string, Record<string, unknown>>
  readonly services: Record<string, { features: string[] | string } & Record<string, unknown>>
}

const scalars = ['bool', 'int32', 'int64', 'float32', 'float64', 'string', 'bytes', 'timestamp']
const keyTypes = ['bool', 'int32', 'int64', 'string', 'bytes', 'timestamp']
const words = [
  'order',
  'constructor',
  'then',
  'true',
  'null',
  'no',
  'on',
  'e1',
  'x',
  'airport',
  'route_7d',
  'a__b',
  'valueof',
]
const columns = ['Origin Airport', 'x', 'naïve', '7', 'a: b', '# no comment', "it's", 'true', ' padded ', 'tab\there']
const texts = [
  'How late flights are',
  '',
  'two\nlines\n',
  'colon: here',
  '"quoted"',
  '- dash',
  '${NOT_EXPANDED}',
  '日本 🛫',
  'null',
  '0x10',
]

/** Reads an endless list of numbers as decisions. */
class Choices {
  private at = 0
  private readonly numbers: readonly number[]
  constructor(numbers: readonly number[]) {
    this.numbers = numbers
  }
  below(limit: number): number {
    const number = this.numbers[this.at++ % this.numbers.length] ?? 0
    return number % limit
  }
  yes(): boolean {
    return this.below(2) === 1
  }
  of<T>(list: readonly T[]): T {
    const item = list[this.below(list.length)]
    if (item === undefined) throw new Error('nothing to choose from')
    return item
  }
  /** A name that is not taken yet. */
  name(taken: Set<string>): string {
    for (let i = 0; ; i++) {
      const name = i === 0 ? this.of(words) : `${this.of(words)}_${this.below(1000)}`
      if (taken.has(name)) continue
      taken.add(name)
      return name
    }
  }
}

/** Of a name always the same, so that entities may share keys. */
const keyType = (name: string): string => keyTypes[name.length % keyTypes.length] ?? 'string'

function type(choices: Choices): string {
  const kind = choices.below(4)
  if (kind === 0) return `list<${choices.of(scalars)}>`
  return kind === 1 ? `vector<${1 + choices.below(4096)}>` : choices.of(scalars)
}

function notes(choices: Choices): Record<string, unknown> {
  return {
    ...(choices.yes() ? { description: choices.of(texts) } : {}),
    ...(choices.yes() ? { owner: choices.of(texts) } : {}),
    ...(choices.yes() ? { tags: { tier: choices.of(texts), [choices.of(columns)]: 'x' } } : {}),
  }
}

function entity(choices: Choices, name: string): Record<string, unknown> {
  const form = choices.below(4)
  if (form === 0) return { key: keyType(name), ...notes(choices) }
  const taken = new Set<string>()
  const keys = Array.from({ length: form === 3 ? 1 + choices.below(3) : 1 }, () => choices.name(taken))
  const body = Object.fromEntries(keys.map((key) => [key, keyType(key)]))
  return { [form === 3 ? 'keys' : 'key']: body, ...notes(choices) }
}

function source(choices: Choices, kinds: readonly string[], before: readonly string[]): Record<string, unknown> {
  // Time columns have a space, so that no feature or key is called like them.
  const times = {
    timestamp: choices.of(['event time', 'landed at']),
    ...(choices.yes() ? { created: choices.of(['loaded at', 'event time']) } : {}),
  }
  const schema = Object.fromEntries(
    Array.from({ length: 1 + choices.below(4) }, (_, i) => [`${choices.of(['Column', 'c'])} ${i}`, type(choices)]),
  )
  const kind = choices.of(kinds)
  const bodies: Record<string, Record<string, unknown>> = {
    parquet: { path: choices.of(['data/x.parquet', 'data/*.parquet', '/absolute', texts[8] ?? '']) },
    csv: { path: 'data/ä b.csv' },
    sql: { sql: `SELECT *, '${'$'}{x}' AS y\n FROM ${before.length === 0 ? 'nothing' : choices.of(before)}` },
    push: { schema },
    postgres: choices.yes() ? { table: 'public.orders' } : { query: 'select 1' },
    kafka: { topic: 'clicks', format: 'json', schema },
  }
  return { type: kind, ...bodies[kind], ...times, ...notes(choices) }
}

function keysOf(document: RandomDocument, entities: readonly string[]): string[] {
  const bodies = entities.map((name) => [name, document.entities[name] ?? {}] as const)
  return [
    ...new Set(
      bodies.flatMap(([name, body]) =>
        typeof body['key'] === 'string' ? [name] : Object.keys((body['keys'] ?? body['key']) as object),
      ),
    ),
  ]
}

function view(choices: Choices, document: RandomDocument): Record<string, unknown> {
  const entities = Object.keys(document.entities).filter(() => choices.yes())
  const keys = keysOf(document, entities)
  const taken = new Set(keys)
  const features = Array.from({ length: 1 + choices.below(4) }, () => choices.name(taken)).map((name) => {
    const long = {
      type: type(choices),
      ...(choices.yes() ? { column: choices.of([...columns, name]) } : {}),
      ...(choices.yes() ? { description: choices.of(texts) } : {}),
    }
    return [name, choices.yes() ? long.type : long]
  })
  const sources = Object.entries(document.sources).filter(([, body]) => body['schema'] === undefined)
  const durations = ['90s', '5m', '48h', '2d', '4w', '60m', '0']
  const optional = (field: string): Record<string, unknown> =>
    choices.yes() ? { [field]: choices.of([...durations, ...(field === 'ttl' ? [0] : [])]) } : {}
  return {
    entities,
    source: choices.of(sources)[0],
    ...(choices.yes()
      ? {
          keys: Object.fromEntries(keys.filter(() => choices.yes()).map((key) => [key, choices.of([...columns, key])])),
        }
      : {}),
    ...optional('ttl'),
    ...(choices.yes() ? { online: choices.yes() } : {}),
    ...optional('freshness'),
    ...optional('lateness'),
    features: Object.fromEntries(features),
    ...notes(choices),
  }
}

function service(
  choices: Choices,
  document: RandomDocument,
  view: string,
): { features: string[] | string } & Record<string, unknown> {
  const body = document.views[view] ?? {}
  const keys = keysOf(document, body['entities'] as string[])
  const [feature = ''] = Object.keys(body['features'] as object)
  const mapped = keys.map((key) => `${key}=Their ${key}`).join(',')
  const references = [view, `${view}:${feature}`].slice(choices.below(2)).slice(0, 1)
  if (choices.yes()) references.push(`${view}@there${mapped === '' ? '' : `(${mapped})`}`)
  if (choices.yes()) references.push(`${view}@again:${feature}`)
  const [only = ''] = references
  return { features: references.length === 1 && choices.yes() ? only : references, ...notes(choices) }
}

function document(choices: Choices, kinds: readonly string[]): RandomDocument {
  const made: RandomDocument = { entities: {}, sources: {}, views: {}, services: {} }
  const entities = new Set<string>()
  for (let i = choices.below(4); i > 0; i--) {
    const name = choices.name(entities)
    made.entities[name] = entity(choices, name)
  }
  // One source that views can read, whatever the others are. "x" and "y" are words of the queries.
  const sources = new Set(['x', 'y'])
  made.sources[choices.name(sources)] = source(choices, ['parquet'], [])
  for (let i = choices.below(4); i > 0; i--)
    made.sources[choices.name(sources)] = source(choices, kinds, Object.keys(made.sources))
  const space = new Set<string>()
  for (let i = choices.below(4); i > 0; i--) made.views[choices.name(space)] = view(choices, made)
  for (const name of Object.keys(made.views))
    if (choices.yes()) made.services[choices.name(space)] = service(choices, made, name)
  return made
}

/** Random valid documents with sources of some kinds. */
export function randomDocuments(kinds: readonly string[]): fc.Arbitrary<RandomDocument> {
  return fc
    .array(fc.nat({ max: 1_000_000 }), { minLength: 150, maxLength: 150 })
    .map((numbers) => document(new Choices(numbers), kinds))
}
