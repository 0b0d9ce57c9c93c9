import { beforeEach, describe, expect, it } from 'vitest'
import type { PushAnswer } from '../../src/contract/store.ts'
import { listDeadLetters } from '../../src/ingest/dead-letters.ts'
import { push } from '../../src/ingest/push.ts'
import { type IngestBench, ingestBench, minute, noon, second } from '../support/ingest-bench.ts'
import { smallDefinitions } from '../support/small-definitions.ts'
import { snapshotOf } from '../support/hand-made-snapshot.ts'

const definitions = smallDefinitions()
const hour = 60n * minute
let bench: IngestBench
beforeEach(() => {
  bench = ingestBench(definitions)
})

const row = (airport: string, delay: unknown, minutes = 0): object => ({
  airport,
  delay,
  landed_at: `2026-01-01T11:${String(minutes).padStart(2, '0')}:00Z`,
})
const send = async (key: string, rows: readonly unknown[], to?: 'both' | 'online'): Promise<PushAnswer> =>
  push(bench.deps, 'delays', { rows, idempotencyKey: key, to, form: 'json' })
const code = (wanted: string, more: object = {}): Error => expect.objectContaining({ code: wanted, ...more }) as Error

describe('a push with an idempotency key', () => {
  it('is answered the same when it is repeated, and counts once', async () => {
    await push(bench.deps, 'delays', { rows: [row('LGA', 9, 30)], form: 'json' })
    const rows = [row('ORD', 1), row('LGA', 2), row('ORD', 'late')]
    const first = await send('k', rows)
    expect(first).toEqual({
      accepted: 1,
      superseded: 1,
      rejected: [{ row: 2, code: 'BAD_VALUE', detail: '"delay": "late" is not an int32' }],
    })
    // Meanwhile all is older than what is served, and the clock has moved.
    await push(bench.deps, 'delays', { rows: [row('ORD', 5, 30)], form: 'json' })
    bench.clock.set(noon + hour)
    expect(await send('k', rows)).toEqual(first)
    expect(bench.log.records()).toHaveLength(3)
    expect((await listDeadLetters(bench.deps, {})).deadLetters).toHaveLength(1)
    expect((await bench.row('delays', ['ORD']))?.values[0]).toBe(5)
  })

  it('brings rows online that a crash kept from it, with the created time of the first push', async () => {
    // The first push ended between the log and the online store.
    const crash = Promise.reject(new Error('killed'))
    crash.catch(() => undefined)
    let crashed = false
    const online = {
      ...bench.deps.online,
      write: async (...args: Parameters<typeof bench.deps.online.write>) =>
        crashed ? bench.deps.online.write(...args) : ((crashed = true), crash),
    }
    await expect(
      push({ ...bench.deps, online }, 'delays', { rows: [row('ORD', 1)], idempotencyKey: 'k', form: 'json' }),
    ).rejects.toThrow('killed')
    expect(await bench.row('delays', ['ORD'])).toBeNull()
    bench.clock.set(noon + hour)
    expect(await send('k', [row('ORD', 1)])).toEqual({ accepted: 1, superseded: 0, rejected: [] })
    expect(await bench.row('delays', ['ORD'])).toMatchObject({ created: noon, values: [1, null] })
    expect(bench.log.records()).toHaveLength(1)
  })

  it('leaves it to the catch-up when the definitions have changed since', async () => {
    await send('k', [row('ORD', 1)])
    const changed = smallDefinitions({
      views: { delays: { entities: ['airport'], source: 'flights', features: { delay: 'string' } } },
    })
    bench.see({ ...snapshotOf(changed), version: 8 })
    expect(await send('k', [row('ORD', 1)])).toEqual({ accepted: 1, superseded: 0, rejected: [] })
  })

  it('refuses another body under the key, for 24 hours', async () => {
    await send('k', [row('ORD', 1)])
    await expect(send('k', [row('ORD', 2)])).rejects.toEqual(code('IDEMPOTENCY_MISMATCH', { status: 409 }))
    await expect(send('k', [row('ORD', 1)], 'online')).rejects.toEqual(code('IDEMPOTENCY_MISMATCH'))
    await expect(
      push(bench.deps, 'taps', { rows: [row('ORD', 1)], idempotencyKey: 'k', form: 'json' }),
    ).rejects.toEqual(code('IDEMPOTENCY_MISMATCH'))
    bench.clock.set(noon + 24n * hour - 1n)
    await expect(send('k', [row('ORD', 2)])).rejects.toEqual(code('IDEMPOTENCY_MISMATCH'))
    bench.clock.set(noon + 24n * hour)
    expect(await send('k', [row('ORD', 2)])).toMatchObject({ accepted: 1 })
  })

  it('is refused the same when it was refused as a whole, without another dead letter', async () => {
    const rows = [row('ORD', 'late'), row('LGA', 'later')]
    const refusal = code('BAD_VALUE', {
      message: 'None of the 2 rows is good; the first: "delay": "late" is not an int32',
      at: '/rows/0/delay',
      errors: [code('BAD_VALUE'), code('BAD_VALUE', { at: '/rows/1/delay' })],
    })
    await expect(send('k', rows)).rejects.toEqual(refusal)
    await expect(send('k', rows)).rejects.toEqual(refusal)
    expect((await listDeadLetters(bench.deps, {})).deadLetters).toHaveLength(2)
  })

  it('counts once when it comes twice at the same time', async () => {
    const answers = await Promise.all([
      send('k', [row('ORD', 1)]),
      send('k', [row('ORD', 1)]),
      send('k', [row('ORD', 1)]),
    ])
    expect(answers).toEqual(Array.from({ length: 3 }, () => ({ accepted: 1, superseded: 0, rejected: [] })))
    expect(bench.log.records()).toHaveLength(1)
  })

  it('tells JavaScript values apart as their wire form does', async () => {
    const js = async (rows: readonly unknown[]): Promise<PushAnswer> =>
      push(bench.deps, 'delays', { rows, idempotencyKey: 'js', form: 'js' })
    await js([{ airport: 'ORD', delay: 1, landed_at: new Date('2026-01-01T11:00:00Z') }])
    expect(await js([{ airport: 'ORD', delay: 1, landed_at: new Date('2026-01-01T11:00:00Z') }])).toMatchObject({
      accepted: 1,
    })
    await expect(js([{ airport: 'ORD', delay: 1, landed_at: new Date('2026-01-01T11:00:01Z') }])).rejects.toEqual(
      code('IDEMPOTENCY_MISMATCH'),
    )
  })

  it('has a key of 1 to 255 characters', async () => {
    await expect(send('', [row('ORD', 1)])).rejects.toEqual(code('BAD_REQUEST'))
    await expect(send('k'.repeat(256), [row('ORD', 1)])).rejects.toEqual(code('BAD_REQUEST'))
    expect(await send('k'.repeat(255), [row('ORD', 1)])).toMatchObject({ accepted: 1 })
    bench.clock.set(noon + second)
  })
})
