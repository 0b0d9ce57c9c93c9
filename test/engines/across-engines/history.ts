import { tieOf } from '../../../src/codecs/tie.ts'
import type { Definitions, WireDefinitions } from '../../../src/define/definition.ts'
import { type ResolvedView, resolveView } from '../../../src/define/resolved-view.ts'
import { fromWire } from '../../../src/define/wire.ts'
import type { LogRecord } from '../../../src/ports/push-log.ts'
import type { LogTarget } from '../../../src/query/relation.ts'
import type { SourceTable } from '../../../src/testing/offline.ts'
import type { Seeded } from '../../../src/testing/seeded.ts'
import type { FeatureType, ScalarName } from '../../../src/values/feature-type.ts'
import { tombstoneTie } from '../../../src/values/order.ts'
import type { Value } from '../../../src/values/value.ts'
import { drawInstant } from './instants.ts'
import { type Values, drawValues, featureTypes, keyTypes } from './values.ts'

/** What happened: definitions, the rows in files, and what was pushed, in order. */
export interface History {
  /** With the rows of `parquet` sources in tables of PostgreSQL instead, where asked for. */
  readonly definitions: (foreign: boolean) => Definitions
  /** By source. */
  readonly files: ReadonlyMap<string, readonly SourceTable[]>
  readonly records: readonly LogRecord[]
  readonly values: Values
}

interface Column {
  readonly name: string
  readonly type: FeatureType
  /** As it is in files and older pushes. */
  readonly stored: FeatureType
}

interface Source {
  readonly name: string
  readonly push: boolean
  readonly created: boolean
  readonly keys: readonly (Column & { readonly type: ScalarName })[]
  readonly features: readonly Column[]
}

interface View {
  readonly name: string
  readonly source: Source
  readonly features: readonly Column[]
  readonly ttl: string
}

/** Types that widen without loss to one. */
const narrower: Readonly<Record<string, FeatureType>> = {
  int64: 'int32',
  float64: 'float32',
  'list<int64>': 'list<int32>',
  'list<float64>': 'list<float32>',
}

const ttls = ['0', '0', '1s', '40s', '3d', '500000w']

/** Draws a history. `mark` makes its names differ from those of others in one store. */
export function drawHistory(random: Seeded, mark: string): History {
  const values = drawValues(random)
  const sources = [drawSource(random, `f${mark}`, false), drawSource(random, `p${mark}`, true)]
  const views = Array.from({ length: 3 }, (_, i): View => {
    const source = sources[i % 2] ?? random.pick(sources)
    const some = source.features.filter(() => random.int(3) > 0)
    return {
      name: `v${i}_${mark}`,
      source,
      features: some.length === 0 ? source.features : some,
      ttl: random.pick(ttls),
    }
  })
  return {
    values,
    definitions: (foreign) => fromWire(wireOf(sources, views, foreign)),
    files: new Map(
      sources.filter(({ push }) => !push).map((source) => [source.name, drawFiles(random, source, values)]),
    ),
    records: Array.from({ length: random.int(25) }, () => drawRecord(random, random.pick(views), values)),
  }
}

function drawSource(random: Seeded, name: string, push: boolean): Source {
  const column = (prefix: string, i: number, types: readonly FeatureType[]): Column => {
    const type = random.pick(types)
    return { name: `${prefix}${i}`, type, stored: random.int(3) === 0 ? (narrower[type] ?? type) : type }
  }
  const keys = Array.from({ length: random.pick([0, 1, 1, 2]) }, (_, i) => column(`k${name}_`, i, keyTypes))
  return {
    name,
    push,
    created: push || random.int(3) > 0,
    keys: keys as Source['keys'],
    features: Array.from({ length: 1 + random.int(4) }, (_, i) => column('x', i, featureTypes)),
  }
}

function wireOf(sources: readonly Source[], views: readonly View[], foreign: boolean): WireDefinitions {
  const columns = (all: readonly Column[]): Record<string, string> =>
    Object.fromEntries(all.map(({ name, type }) => [name, type]))
  const place = ({ name, push, keys, features }: Source): object => {
    if (push) return { type: 'push', schema: columns([...keys, ...features]) }
    return foreign ? { type: 'postgres', table: name } : { type: 'parquet', path: name }
  }
  return {
    entities: Object.fromEntries(
      sources.filter(({ keys }) => keys.length > 0).map(({ name, keys }) => [`e_${name}`, { keys: columns(keys) }]),
    ),
    sources: Object.fromEntries(
      sources.map((s) => [s.name, { ...place(s), timestamp: 'at', ...(s.created ? { created: 'seen' } : {}) }]),
    ),
    views: Object.fromEntries(
      views.map(({ name, source, features, ttl }) => [
        name,
        {
          entities: source.keys.length > 0 ? [`e_${source.name}`] : [],
          source: source.name,
          ttl,
          features: columns(features),
        },
      ]),
    ),
    on_demand: {},
    services: {},
  } as WireDefinitions
}

/** Whether its values are drawn as what is stored: an int64 that is kept as int32 is one. */
const drawn = (values: Values, column: Column, isKey: boolean): Value | null =>
  isKey && column.stored === column.type ? values.key(column.type as ScalarName) : values.any(column.stored)

function drawFiles(random: Seeded, source: Source, values: Values): SourceTable[] {
  const columns = [...source.keys, ...source.features].map(({ name, stored }) => ({ name, type: stored }))
  const timed: SourceTable['columns'] = [
    ...columns,
    { name: 'at', type: 'timestamp' },
    ...(source.created ? [{ name: 'seen', type: 'timestamp' as const }] : []),
  ]
  const row = (): (Value | null)[] => [
    ...source.keys.map((key) => (random.int(12) === 0 ? null : drawn(values, key, true))),
    ...source.features.map((feature) => values.any(feature.stored)),
    random.int(20) === 0 ? null : drawInstant(random),
    ...(source.created ? [random.int(4) === 0 ? null : drawInstant(random)] : []),
  ]
  return Array.from({ length: 1 + random.int(2) }, () => {
    const rows = Array.from({ length: random.int(60) }, row)
    // What is loaded twice stands there twice.
    return { columns: timed, rows: [...rows, ...rows.slice(0, 3)] }
  })
}

/** Pushed to a view or to its source; with fewer columns, or narrower ones, where that was before a change of the definitions. */
function drawRecord(random: Seeded, view: View, values: Values): LogRecord {
  const toView = random.int(2) === 0
  const target: LogTarget = toView ? { kind: 'view', name: view.name } : { kind: 'source', name: view.source.name }
  const features = (toView ? view.features : view.source.features).filter(() => random.int(8) > 0)
  const old = random.int(4) === 0
  const all = [...view.source.keys, ...features].map(({ name, type, stored }) => ({
    name,
    type,
    stored: old ? stored : type,
  }))
  const columns = all.map(({ name, stored }) => ({ name, type: stored }))
  const keys = view.source.keys.length
  const rows = Array.from({ length: 1 + random.int(5) }, () => {
    const dead = toView && random.int(5) === 0
    const row = all.map((column, i) =>
      i < keys ? drawn(values, column, true) : dead ? null : values.any(column.stored),
    )
    return {
      event: drawInstant(random),
      created: drawInstant(random),
      tie: dead ? tombstoneTie : tieOf(columns, row),
      values: row,
    }
  })
  const to = random.pick(['both', 'both', 'both', 'offline', 'online'] as const)
  return { target, to, columns, rows, deadLetters: [], replayed: [] }
}

/** The views of definitions, ready to be planned with. */
export const viewsOf = (definitions: Definitions): ResolvedView[] =>
  [...definitions.views.values()].map((view) => resolveView(definitions, view))
