// Checked by tsc, never run: a line that should not compile and does fails the type check, and so does the reverse.
import { entity, featureService, featureView, source, type SdkValue, type TypedStore } from '../../src/index.ts'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(answer: Same<A, B>): void => void answer

declare const store: TypedStore

const airport = entity('airport', { key: 'string' })
const flights = source.push('flights', {
  schema: { airport: 'string', delay: 'int32', seen: 'timestamp' },
  timestamp: 'landed_at',
})
const delays = featureView('airport_delays', {
  entities: [airport],
  source: flights,
  features: { delay: 'int32', seen: 'timestamp' },
})
const model = featureService('delay_model', { features: [delays, delays.alias('origin', { airport: 'from' })] })

const rows = await store.online(model, [{ airport: 'ORD', from: 'LGA' }])
const first = rows[0]
same<NonNullable<typeof first>['delay'], number | null>(true)
same<NonNullable<typeof first>['origin__seen'], Date | null>(true)
// @ts-expect-error no such feature
void first?.dleay
// @ts-expect-error no such key
await store.online(delays, [{ airprt: 'ORD' }])
// @ts-expect-error a key of another type
await store.online(delays, [{ airport: 5 }])

const loose = await store.online('delay_model', [{ airport: 'ORD' }])
same<(typeof loose)[number], Readonly<Record<string, SdkValue>>>(true)

const table = await store.historical(delays, { parquet: 'spine.parquet' })
const trained = await table.rows()
const delay: number | null | undefined = trained[0]?.delay
void delay

await store.push(delays, [{ airport: 'ORD', delay: 12, landed_at: new Date() }])
// @ts-expect-error the event time is missing
await store.push(delays, [{ airport: 'ORD', delay: 12 }])
// @ts-expect-error a value of another type
await store.push(delays, [{ airport: 'ORD', delay: '12', landed_at: new Date() }])
