// Checked by tsc, never run: a line that should not compile and does fails the type check, and so does the reverse.
import {
  entity,
  featureService,
  featureView,
  type KeysOf,
  type OnlineRowOf,
  type PushRowOf,
  source,
} from '../../src/define/builders.ts'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(answer: Same<A, B>): void => void answer

const airport = entity('airport', { key: 'string' })
const driver = entity('driver', { key: { driver_id: 'int64' }, owner: 'ops' })
const route = entity('route', { keys: { origin: 'string', destination: 'string' } })
same<typeof airport.keys, { readonly airport: 'string' }>(true)
same<typeof driver.keys, { readonly driver_id: 'int64' }>(true)
same<typeof route.keys, { readonly origin: 'string'; readonly destination: 'string' }>(true)
// @ts-expect-error a join key is no float
entity('wrong', { key: 'float64' })
// @ts-expect-error one of the two
entity('wrong', { key: 'string', keys: { a: 'string' } })

const flights = source.parquet('flights', {
  path: 'data/flights.parquet',
  timestamp: 'landed_at',
  created: 'loaded_at',
})
const hourly = source.sql('hourly', { sql: 'select 1', timestamp: 'at' })
const taps = source.push('taps', { schema: { card_id: 'int64', amount: 'float64' }, timestamp: 'tapped_at' })
// @ts-expect-error a source needs its timestamp
source.csv('wrong', { path: 'x.csv' })
// @ts-expect-error no such option
source.parquet('wrong', { path: 'x', timestamp: 't', creatd: 'c' })

const delays = featureView('airport_delays', {
  entities: [airport],
  source: flights,
  keys: { airport: 'origin' },
  ttl: '2d',
  features: {
    late_rate: 'float64',
    landed: 'int64',
    miles: { type: 'list<float32>', column: 'distance' },
    seen: 'timestamp',
    embedding: 'vector<3>',
  },
})
const routes = featureView('route_history', {
  entities: [route],
  source: hourly,
  features: { route_delay: 'int32', code: 'bytes' },
})
const cards = featureView('cards', { entities: [driver], source: taps, features: { amount: 'float64' } })
const world = featureView('world', { entities: [], source: 'elsewhere', features: { rate: 'float32' } })

// @ts-expect-error no such join key
featureView('wrong', { entities: [airport], source: flights, keys: { airprt: 'origin' }, features: { a: 'int32' } })
// @ts-expect-error no such type
featureView('wrong', { entities: [airport], source: flights, features: { a: 'int3' } })
// @ts-expect-error no such field of a feature
featureView('wrong', { entities: [airport], source: flights, features: { a: { type: 'int32', colum: 'b' } } })
// @ts-expect-error no such option
featureView('wrong', { entities: [airport], source: flights, features: { a: 'int32' }, onlin: true })
// @ts-expect-error no duration
featureView('wrong', { entities: [airport], source: flights, features: { a: 'int32' }, ttl: '2 days' })

same<
  OnlineRowOf<typeof delays>,
  {
    readonly late_rate: number | null
    readonly landed: number | null
    readonly miles: readonly (number | null)[] | null
    readonly seen: Date | null
    readonly embedding: readonly number[] | null
  }
>(true)
same<KeysOf<typeof delays>, { readonly airport: string }>(true)
same<KeysOf<typeof routes>, { readonly origin: string; readonly destination: string }>(true)
same<KeysOf<typeof cards>, { readonly driver_id: number | bigint }>(true)
same<KeysOf<typeof world>, {}>(true)
same<OnlineRowOf<typeof world>, { readonly rate: number | null }>(true)

const origin = delays.alias('origin', { airport: 'from_airport' })
same<KeysOf<typeof origin>, { readonly from_airport: string }>(true)
// @ts-expect-error no such join key
delays.alias('origin', { airprt: 'from_airport' })
// @ts-expect-error no such feature
delays.feature('late_rat')
same<OnlineRowOf<ReturnType<typeof origin.feature<'landed'>>>, { readonly origin__landed: number | null }>(true)

const model = featureService('delay_model', {
  features: [origin.feature('late_rate'), delays.feature('landed'), routes],
})
same<
  OnlineRowOf<typeof model>,
  {
    readonly origin__late_rate: number | null
    readonly landed: number | null
    readonly route_delay: number | null
    readonly code: Uint8Array | null
  }
>(true)
same<
  KeysOf<typeof model>,
  { readonly from_airport: string; readonly airport: string; readonly origin: string; readonly destination: string }
>(true)

// @ts-expect-error "landed" appears twice
featureService('wrong', { features: [delays, delays.feature('landed')] })
// @ts-expect-error a source is nothing to read
featureService('wrong', { features: [flights] })
// @ts-expect-error a service lists views and features
featureService('wrong', { features: [model] })
featureService('loose', { features: ['some_view:feature', delays] })

declare const row: OnlineRowOf<typeof model>
const rate: number | null = row.origin__late_rate
// @ts-expect-error no such feature
void row.late_rat
void rate

same<
  PushRowOf<typeof delays>,
  {
    readonly airport: string
    readonly landed_at: Date | string | bigint
    readonly late_rate?: number | null
    readonly landed?: number | bigint | null
    readonly miles?: readonly (number | null)[] | null
    readonly seen?: Date | string | bigint | null
    readonly embedding?: readonly number[] | null
    readonly loaded_at?: Date | string | bigint | null
  }
>(true)
same<
  PushRowOf<typeof taps>,
  {
    readonly tapped_at: Date | string | bigint
    readonly card_id?: number | bigint | null
    readonly amount?: number | null
    readonly created?: Date | string | bigint | null
  }
>(true)
same<
  PushRowOf<typeof routes>,
  {
    readonly origin: string
    readonly destination: string
    readonly at: Date | string | bigint
    readonly route_delay?: number | null
    readonly code?: Uint8Array | string | null
  }
>(true)

// A list of unknown length tells nothing about names, so any are allowed.
declare const several: (typeof airport)[]
const listed = featureView('listed', { entities: several, source: flights, features: { a: 'int32' } })
same<KeysOf<typeof listed>, { readonly [x: string]: string | number | bigint | boolean | Date | Uint8Array }>(true)
