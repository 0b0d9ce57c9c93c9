import type { Definitions } from '../../src/define/definition.ts'
import { fromWire } from '../../src/define/wire.ts'

type Section = Readonly<Record<string, unknown>>

/** Definitions from their wire form: the airport's delays, and what a test puts in place of a part of them. */
export function smallDefinitions(
  parts: { entities?: Section; sources?: Section; views?: Section; services?: Section } = {},
): Definitions {
  return fromWire({
    entities: parts.entities ?? entities,
    sources: parts.sources ?? sources,
    views: parts.views ?? { delays: view() },
    on_demand: {},
    services: parts.services ?? {},
  })
}

export const entities = { airport: { key: 'string' }, route: { keys: { origin: 'string', destination: 'string' } } }
export const sources = {
  flights: { type: 'parquet', path: 'flights.parquet', timestamp: 'landed_at', created: 'loaded_at' },
  taps: { type: 'push', schema: { airport: 'string', delay: 'int32', miles: 'float64' }, timestamp: 'at' },
}

/** A view of airports, with some of it another way. */
export const view = (parts: Section = {}): Section => ({
  entities: ['airport'],
  source: 'flights',
  ttl: '2d',
  features: { delay: 'int32', miles: 'float64' },
  ...parts,
})
