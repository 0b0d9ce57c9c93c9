import { describe, expect, test } from 'vitest'
import { jsonPart } from '../../src/define/place.ts'
import { readYaml } from '../../src/define/text.ts'
import { validateDefinitions } from '../../src/define/validate.ts'
import type { ProvenderError } from '../../src/kernel/errors.ts'

/** Every error of texts that are files a.yaml, b.yaml, … */
function errorsOf(...texts: readonly string[]): ProvenderError[] {
  const read = texts.map((text, i) => readYaml(`${String.fromCharCode(97 + i)}.yaml`, text))
  return [...read.flatMap((r) => r.errors), ...validateDefinitions(read.map((r) => r.part)).errors]
}

const said = (errors: readonly ProvenderError[]): string[] =>
  errors.map((error) => `${error.code} ${error.at} ${error.message}`)

/** Something to stand on: one entity, two sources, a view. */
const base = `entities:
  airport: { key: string }
  route: { keys: { origin: string, destination: string } }
sources:
  flights: { type: parquet, path: flights.parquet, timestamp: landed_at }
  taps: { type: push, schema: { airport: string, amount: int32 }, timestamp: tapped_at }
views:
  delays: { entities: [airport], source: flights, features: { delay: int32, miles: float64 } }
  history: { entities: [route], source: flights, features: { route_delay: int32 } }
`

test('the base is valid', () => {
  expect(errorsOf(base)).toEqual([])
})

test('an error has the form that users know', () => {
  const [error, ...more] = errorsOf(
    `entities:\n  airport: { key: string }\n  route: { key: string }\n`,
    `sources:\n  s: { type: csv, path: x, timestamp: t }\nviews:\n  airport_delays:\n    entities: [airprt]\n    source: s\n    features: { a: int32 }\n`,
  )
  expect(more).toEqual([])
  expect(error?.code).toBe('UNKNOWN_ENTITY')
  expect(error?.message).toBe('view airport_delays names the entity "airprt", which does not exist')
  expect(error?.at).toBe('b.yaml:5:16')
  expect(error?.excerpt).toBe('5 |     entities: [airprt]\n                   ^^^^^^  did you mean "airport"?')
  expect(error?.remedy).toBe('Write "airport". The entities: airport, route.')
})

// One line added to the base, and all that is wrong then. The line's number is 10.
const cases: readonly (readonly [what: string, added: string, ...expected: string[]])[] = [
  ['an unknown section', 'viws: {}', 'UNKNOWN_FIELD a.yaml:10:1 There is no section "viws"'],
  ['a service without list', 'services: { m: { features: delays } }'],
  [
    'an unknown field',
    'services: { m: { features: [delays], featurs: 1 } }',
    'UNKNOWN_FIELD a.yaml:10:38 service m has no field "featurs"',
  ],
  ['a missing field', 'services: { m: { owner: me } }', 'INVALID_DEFINITION a.yaml:10:13 service m lacks `features`'],
  [
    'a wrong type',
    'services: { m: { features: [5] } }',
    'INVALID_DEFINITION a.yaml:10:29 service m, features[0] must be text, not the number 5',
  ],
  [
    'no features',
    'services: { m: { features: [] } }',
    'INVALID_DEFINITION a.yaml:10:28 service m, features: needs at least one feature',
  ],
  ['a section that is a list', 'services: [m]', 'INVALID_DEFINITION a.yaml:10:1 `services` must be a mapping of names'],
  [
    'a bad name',
    'services: { Big-Model: { features: [delays] } }',
    'INVALID_NAME a.yaml:10:13 service Big-Model: "Big-Model" is not a name',
  ],
  [
    'a name that is too long',
    `services: { ${'m'.repeat(64)}: { features: [delays] } }`,
    `INVALID_NAME a.yaml:10:13 service ${'m'.repeat(64)}: "${'m'.repeat(64)}" is not a name`,
  ],
  [
    'names that other languages reserve',
    'services: { constructor: { features: [delays] }, then: { features: [history] }, true: { features: [delays] }, null: { features: [delays] } }',
  ],
  [
    'a prototype',
    'services: { m: { features: [delays], tags: { __proto__: x } } }',
    'INVALID_DEFINITION a.yaml:10:46 "__proto__" is not a name',
  ],
  [
    'a service called like a view',
    'services: { delays: { features: [history] } }',
    'DUPLICATE_NAME a.yaml:10:13 service delays has the name of the view delays at a.yaml:8:3',
  ],
  [
    'an unknown view',
    'services: { m: { features: [delay] } }',
    'UNKNOWN_VIEW a.yaml:10:29 service m names the view "delay", which does not exist',
  ],
  [
    'an unknown feature',
    'services: { m: { features: ["delays:dely"] } }',
    'UNKNOWN_FEATURE a.yaml:10:29 service m names the feature "dely", which view delays does not have',
  ],
  [
    'an unknown key of an alias',
    'services: { m: { features: ["delays@o(airprt=x)"] } }',
    'UNKNOWN_JOIN_KEY a.yaml:10:29 service m: "delays@o(airprt=x)" maps the join key "airprt", which view delays does not have',
  ],
  [
    'no reference',
    'services: { m: { features: ["delays:"] } }',
    'INVALID_DEFINITION a.yaml:10:29 service m: "delays:" is not a feature reference',
  ],
  [
    'a service in a service',
    'services: { m: { features: [n] }, n: { features: [delays] } }',
    'INVALID_DEFINITION a.yaml:10:29 service m names the service "n"; a service lists views and features',
  ],
  [
    'one output twice',
    'services: { m: { features: [delays, "delays:delay"] } }',
    'NAME_COLLISION a.yaml:10:37 service m: the output "delay" of "delays:delay" is also that of "delays"',
  ],
  [
    'two aliases',
    'services: { m: { features: [delays, "delays@o(airport=origin)", "delays@d(airport=destination):delay"] } }',
  ],
  [
    'one alias for two readings',
    'services: { m: { features: ["delays@o(airport=x):delay", "delays@o(airport=y):miles"] } }',
    'NAME_COLLISION a.yaml:10:58 service m: "o" stands for two different readings',
  ],
  ['one reading twice', 'services: { m: { features: ["delays@o(airport=x):delay", "delays@o(airport=x):miles"] } }'],
  [
    'an output called like a key',
    'services: { m: { features: ["delays@o(airport=route_delay)", history] } }',
    'NAME_COLLISION a.yaml:10:62 service m: the output "route_delay" of "history" is also that of a key column',
  ],
  [
    'key columns that differ in case only',
    'services: { m: { features: ["delays@o(airport=Origin)", history] } }',
    'NAME_COLLISION a.yaml:10:57 service m: the key column "origin" is also written "Origin"',
  ],
  [
    'on-demand features',
    'on_demand: { risk: { inputs: [delays] } }',
    'UNSUPPORTED a.yaml:10:14 on-demand risk: on-demand features are not supported yet',
  ],
]

describe('in a file of definitions', () => {
  test.each(cases)('%s', (_, added, ...expected) => {
    expect(said(errorsOf(base + added))).toEqual(expected)
  })
})

// A view, entity or source of its own in a second file, and all that is wrong then.
const inSecondFile: readonly (readonly [what: string, text: string, ...expected: string[]])[] = [
  [
    'a windowed feature',
    'views: { v: { entities: [], source: flights, features: { a: { mean: "x > 1", window: 3h }, b: int32 } } }',
    'UNSUPPORTED b.yaml:1:58 view v, features.a: windowed features are not supported yet',
  ],
  [
    'windowed features only',
    'views: { v: { entities: [], source: flights, features: { a: { count: "*", window: 3h } } } }',
    'UNSUPPORTED b.yaml:1:58 view v, features.a: windowed features are not supported yet',
  ],
  [
    'a windowed feature that a service reads',
    'views: { v: { entities: [], source: flights, features: { a: { count: "*", window: 3h }, b: int32 } } }\nservices: { m: { features: ["v:a", "v:b"] } }',
    'UNSUPPORTED b.yaml:1:58 view v, features.a: windowed features are not supported yet',
  ],
  [
    'no features',
    'views: { v: { entities: [], source: flights, features: {} } }',
    'INVALID_DEFINITION b.yaml:1:46 view v has no features',
  ],
  ['a global row', 'views: { v: { entities: [], source: flights, features: { a: int32 } } }'],
  [
    'an unknown type',
    'views: { v: { entities: [], source: flights, features: { a: int } } }',
    'INVALID_DEFINITION b.yaml:1:61 view v, features.a: "int" is not a type',
  ],
  [
    'a bad name of a feature',
    'views: { v: { entities: [], source: flights, features: { "late rate": int32 } } }',
    'INVALID_NAME b.yaml:1:58 view v, features.late rate: "late rate" is not a name',
  ],
  [
    'a bad field of a feature',
    'views: { v: { entities: [], source: flights, features: { a: { type: int32, colum: b } } } }',
    'UNKNOWN_FIELD b.yaml:1:76 view v, features.a has no field "colum"',
  ],
  [
    'a negative duration',
    'views: { v: { entities: [], source: flights, ttl: -1h, features: { a: int32 } } }',
    'INVALID_DEFINITION b.yaml:1:51 view v, ttl: "-1h" is negative',
  ],
  [
    'a bad duration',
    'views: { v: { entities: [], source: flights, lateness: 1 hour, features: { a: int32 } } }',
    'INVALID_DEFINITION b.yaml:1:56 view v, lateness: "1 hour" is not a duration',
  ],
  [
    'a number for a duration',
    'views: { v: { entities: [], source: flights, ttl: 60, features: { a: int32 } } }',
    'INVALID_DEFINITION b.yaml:1:51 view v, ttl: "60" is not a duration',
  ],
  ['no limit written as 0', 'views: { v: { entities: [], source: flights, ttl: 0, features: { a: int32 } } }'],
  [
    'an unknown source, and everything else',
    'views: { v: { entities: [airprt, route], source: flighs, onlin: 1, ttl: x, features: { a: in32, origin: int32 } } }',
    'UNKNOWN_ENTITY b.yaml:1:26 view v names the entity "airprt", which does not exist',
    'UNKNOWN_SOURCE b.yaml:1:50 view v names the source "flighs", which does not exist',
    'UNKNOWN_FIELD b.yaml:1:58 view v has no field "onlin"',
    'INVALID_DEFINITION b.yaml:1:73 view v, ttl: "x" is not a duration',
    'INVALID_DEFINITION b.yaml:1:91 view v, features.a: "in32" is not a type',
    'NAME_COLLISION b.yaml:1:97 view v: the feature "origin" has the name of a join key of entity route',
  ],
  [
    'a mapping of a key that is none',
    'views: { v: { entities: [airport], source: flights, keys: { airprt: x }, features: { a: int32 } } }',
    'UNKNOWN_JOIN_KEY b.yaml:1:61 view v maps the join key "airprt", which its entities do not have',
  ],
  [
    'an entity named twice',
    'views: { v: { entities: [airport, airport], source: flights, features: { a: int32 } } }',
    'INVALID_DEFINITION b.yaml:1:35 view v names the entity "airport" twice',
  ],
  [
    'a key shared by two types',
    'entities: { leg: { keys: { origin: int64, seat: string } } }\nviews: { v: { entities: [route, leg], source: flights, features: { a: int32 } } }',
    'INVALID_DEFINITION b.yaml:2:33 view v: the join key "origin" is string in entity route and int64 in entity leg',
  ],
  [
    'a key shared by two types, never together',
    'entities: { leg: { keys: { origin: int64, seat: string } } }\nviews: { v: { entities: [leg], source: flights, features: { a: int32 } } }',
  ],
  [
    'a service that reads one key column as two types',
    'entities: { leg: { key: { origin: int64 } } }\nviews: { v: { entities: [leg], source: flights, features: { a: int32 } } }\nservices: { m: { features: [history, v] } }',
    'NAME_COLLISION b.yaml:3:38 service m: the key column "origin" is string for "history" and int64 for "v"',
  ],
  ['an entity without keys', 'entities: { e: {} }', 'INVALID_DEFINITION b.yaml:1:13 entity e has no keys'],
  ['an entity with no keys', 'entities: { e: { keys: {} } }', 'INVALID_DEFINITION b.yaml:1:13 entity e has no keys'],
  [
    'an entity with a key of two names',
    'entities: { e: { key: { a: string, b: string } } }',
    'INVALID_DEFINITION b.yaml:1:18 entity e has several keys under `key`',
  ],
  [
    'an entity with both',
    'entities: { e: { key: string, keys: { b: string } } }',
    'INVALID_DEFINITION b.yaml:1:31 entity e has both `key` and `keys`',
  ],
  [
    'a key that is a float',
    'entities: { e: { key: float64 } }',
    'INVALID_DEFINITION b.yaml:1:23 entity e, key: a join key cannot be of type float64',
  ],
  [
    'a key that is a list',
    'entities: { e: { keys: { a: "list<string>" } } }',
    'INVALID_DEFINITION b.yaml:1:29 entity e, keys.a: a join key cannot be of type list<string>',
  ],
  [
    'a bad name of a key',
    'entities: { e: { keys: { A: string } } }',
    'INVALID_NAME b.yaml:1:26 entity e, keys.A: "A" is not a name',
  ],
  [
    'an entity that is text',
    'entities: { e: string }',
    'INVALID_DEFINITION b.yaml:1:16 entity e must be a mapping, not the text "string"',
  ],
  [
    'an entity of another file',
    'entities: { airport: { key: int64 } }',
    'DUPLICATE_NAME b.yaml:1:13 entity airport is defined twice; first at a.yaml:2:3',
  ],
  ['an entity called like a source', 'entities: { flights: { key: int64 } }'],
  [
    'an unknown type of source',
    'sources: { s: { type: parqet, path: x, timestamp: t } }',
    'INVALID_DEFINITION b.yaml:1:23 source s: there is no source type "parqet"',
  ],
  [
    'no type of source',
    'sources: { s: { path: x, timestamp: t } }',
    'INVALID_DEFINITION b.yaml:1:12 source s lacks `type`',
  ],
  [
    'an empty path',
    'sources: { s: { type: csv, path: "", timestamp: t } }',
    'INVALID_DEFINITION b.yaml:1:34 source s, path: must not be empty',
  ],
  [
    'a push source without schema',
    'sources: { s: { type: push, timestamp: t } }',
    'INVALID_DEFINITION b.yaml:1:12 source s lacks `schema`',
  ],
  [
    'a push source with an empty schema',
    'sources: { s: { type: push, schema: {}, timestamp: t } }',
    'INVALID_DEFINITION b.yaml:1:29 source s has no columns',
  ],
  [
    'time columns in the schema',
    'sources: { s: { type: push, schema: { t: timestamp, created: timestamp }, timestamp: t } }',
  ],
  [
    'a time column of another type',
    'sources: { s: { type: push, schema: { t: int64 }, timestamp: t } }',
    'INVALID_DEFINITION b.yaml:1:42 source s: "t" is the column of the event time and cannot be of type int64',
  ],
  [
    'an implied created column of another type',
    'sources: { s: { type: push, schema: { created: string }, timestamp: t } }',
    'INVALID_DEFINITION b.yaml:1:48 source s: "created" is the column of the created time and cannot be of type string',
  ],
  [
    'columns that differ in case only',
    'sources: { s: { type: push, schema: { a: int32, A: int32 }, timestamp: t } }',
    'NAME_COLLISION b.yaml:1:49 source s: the columns "a" and "A" differ in case only',
  ],
  [
    'a time column that differs in case only',
    'sources: { s: { type: push, schema: { T: int32 }, timestamp: t } }',
    'NAME_COLLISION b.yaml:1:51 source s: the columns "T" and "t" differ in case only',
  ],
  [
    'columns that a push source does not have',
    'views: { v: { entities: [airport], source: taps, keys: { airport: airprt }, features: { amount: int64, amont: int32, tapped_at: timestamp } } }',
    'MISSING_COLUMN b.yaml:1:58 view v reads the column "airprt", which source taps does not have',
    'MISSING_COLUMN b.yaml:1:104 view v reads the column "amont", which source taps does not have',
  ],
  [
    'a column of another type',
    'views: { v: { entities: [airport], source: taps, features: { amount: string } } }',
    'TYPE_MISMATCH b.yaml:1:70 view v reads the column "amount" as string, but source taps declares it as int32',
  ],
  [
    'a feature called like a time column',
    'views: { v: { entities: [], source: flights, features: { landed_at: { type: timestamp, column: other } } } }',
    'NAME_COLLISION b.yaml:1:58 view v: the feature "landed_at" has the name of the time column "landed_at" of source flights, but another column',
  ],
  [
    'the time column as a feature',
    'views: { v: { entities: [], source: flights, features: { landed_at: timestamp } } }',
  ],
  [
    'a key called like a time column',
    'entities: { landed_at: { key: string } }\nviews: { v: { entities: [landed_at], source: flights, keys: { landed_at: x }, features: { a: int32 } } }',
    'NAME_COLLISION b.yaml:2:46 view v: the join key "landed_at" of entity landed_at has the name of the time column "landed_at" of source flights',
  ],
  [
    'postgres: neither table nor query',
    'sources: { s: { type: postgres, timestamp: t } }',
    'INVALID_DEFINITION b.yaml:1:12 source s needs either `table` or `query`',
  ],
  [
    'postgres: both',
    'sources: { s: { type: postgres, table: a, query: b, timestamp: t } }',
    'INVALID_DEFINITION b.yaml:1:12 source s needs either `table` or `query`',
  ],
  [
    'a circle of sql sources',
    'sources:\n  b: { type: sql, sql: "select * from C", timestamp: t }\n  c: { type: sql, sql: "select * from d join flights", timestamp: t }\n  d: { type: sql, sql: "select * from b", timestamp: t }\n  e: { type: sql, sql: "select * from b", timestamp: t }\n  f: { type: sql, sql: "select 1 as f", timestamp: t }',
    'INVALID_DEFINITION b.yaml:2:24 sql sources read one another in a circle: b → c → d → b',
  ],
  [
    'a document that is a list',
    '- a',
    'INVALID_DEFINITION b.yaml:1:1 The document must be a mapping with the sections entities, sources, views, on_demand, services',
  ],
  ['an empty document', '# nothing'],
  ['empty sections', 'views:\nsources:'],
]

describe('in a second file', () => {
  test.each(inSecondFile)('%s', (_, text, ...expected) => {
    expect(said(errorsOf(base, text))).toEqual(expected)
  })
})

test('every error of every file at once, in the order of files and places', () => {
  const errors = errorsOf(
    'entities: { A: { key: float32 } }\nvies: {}',
    'sources: { s: { type: csv } }',
    'views: { v: { entities: [x], source: y, features: { z: q } } }',
  )
  expect(errors.map((error) => `${error.at} ${error.code}`)).toEqual([
    'a.yaml:1:13 INVALID_NAME',
    'a.yaml:1:23 INVALID_DEFINITION',
    'a.yaml:2:1 UNKNOWN_FIELD',
    'b.yaml:1:12 INVALID_DEFINITION',
    'b.yaml:1:12 INVALID_DEFINITION',
    'c.yaml:1:26 UNKNOWN_ENTITY',
    'c.yaml:1:38 UNKNOWN_SOURCE',
    'c.yaml:1:56 INVALID_DEFINITION',
  ])
})

test('what may stand in a file that cannot be read is not missed', () => {
  const view = 'views: { v: { entities: [x], source: y, features: { z: int32 } } }\nservices: { m: { features: [w] } }'
  expect(said(errorsOf('entities: { x: { key: string } ', view)).map((text) => text.slice(0, 12))).toEqual([
    'SYNTAX_ERROR',
  ])
})

test('places in JSON are pointers', () => {
  const { errors } = validateDefinitions([
    jsonPart({
      sources: { 's/~1': { type: 'csv', path: 'x', timestamp: 't', 'a/b': 1 } },
      views: { v: { entities: ['x'], source: 5, features: { a: 'int32' } } },
    }),
  ])
  expect(errors.map((error) => [error.at, error.code])).toEqual([
    ['/sources/s~1~01', 'INVALID_NAME'],
    ['/sources/s~1~01/a~1b', 'UNKNOWN_FIELD'],
    ['/views/v/source', 'INVALID_DEFINITION'],
    ['/views/v/entities/0', 'UNKNOWN_ENTITY'],
  ])
})

test('data that is endlessly deep or no data at all is refused', () => {
  let deep: unknown = 'int32'
  for (let i = 0; i < 100; i++) deep = { type: deep }
  const body = (features: unknown): unknown => ({ views: { v: { entities: [], source: 's', features } } })
  expect(said(validateDefinitions([jsonPart(body({ a: deep }))]).errors)[0]).toMatch(/levels deep/)
  for (const data of [5, 'text', true, [1]]) expect(validateDefinitions([jsonPart(data)]).errors).toHaveLength(1)
  for (const data of [null, undefined, {}]) expect(validateDefinitions([jsonPart(data)]).errors).toHaveLength(0)
  const proto: unknown = JSON.parse(
    '{"entities": {"__proto__": {"key": "string"}}, "sources": {"s": {"__proto__": 1}}}',
  )
  expect(validateDefinitions([jsonPart(proto)]).errors.map((error) => error.code)).toEqual([
    'INVALID_NAME',
    'INVALID_DEFINITION',
  ])
})

test('definitions are frozen, in the order of names', () => {
  const { definitions } = validateDefinitions([readYaml('a.yaml', base).part])
  expect([...definitions.views.keys()]).toEqual(['delays', 'history'])
  const view = definitions.views.get('delays')
  expect([definitions, view, view?.features, view?.features[0], view?.entities].every(Object.isFrozen)).toBe(true)
  expect(view).toEqual({
    kind: 'view',
    name: 'delays',
    entities: ['airport'],
    source: 'flights',
    keys: new Map(),
    ttlUs: 0n,
    online: true,
    features: [
      { name: 'delay', type: 'int32', column: 'delay' },
      { name: 'miles', type: 'float64', column: 'miles' },
    ],
  })
})
