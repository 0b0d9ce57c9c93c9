import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { memoryOnline } from '../../src/engines/memory/online.ts'
import { manualClock } from '../../src/kernel/clock.ts'
import type { OnlineRows } from '../../src/contract/store.ts'
import type { FeatureType } from '../../src/values/feature-type.ts'
import { findOnline } from '../../src/retrieve/online.ts'
import { onlineRows } from '../../src/retrieve/online-rows.ts'
import { put, sketched, snapshotOf } from '../support/hand-made-snapshot.ts'

const columns = Object.fromEntries<FeatureType>([
  ['count', 'int64'],
  ['constructor', 'timestamp'],
  ['b', 'bytes'],
])
const snapshot = snapshotOf(sketched([{ name: 'v', keys: { id: 'string' }, features: columns }]))

async function rowsOf(options: Parameters<typeof onlineRows>[1], count = 1n): Promise<OnlineRows> {
  await using online = memoryOnline().open()
  await put(online, snapshot, 'v', { keys: ['a'], values: [count, 2_000n, new Uint8Array([7])], event: 5n })
  const deps = { online, clock: manualClock(9n), snapshots: { lastSeen: () => snapshot } }
  return onlineRows(await findOnline(deps, ['v'], [{ id: 'a' }, { id: 'b' }, { id: 'a' }]), options)
}

describe('rows of an online read', () => {
  test('are objects, and an array that also says the rest by position', async () => {
    const rows = await rowsOf({})
    const there = { count: 1, constructor: new Date(2), b: new Uint8Array([7]) }
    const none = { count: null, constructor: null, b: null }
    expect([...rows]).toEqual([there, none, there])
    expect(rows).toMatchObject({
      features: ['count', 'constructor', 'b'],
      types: ['int64', 'timestamp', 'bytes'],
      views: ['v'],
      keyFields: [{ name: 'id', type: 'string' }],
      registryVersion: 7,
    })
    expect(rows.statuses).toEqual([
      ['PRESENT', 'PRESENT', 'PRESENT'],
      ['NOT_FOUND', 'NOT_FOUND', 'NOT_FOUND'],
      ['PRESENT', 'PRESENT', 'PRESENT'],
    ])
    expect(rows.eventTimes).toEqual([[5n], [null], [5n]])
    expect(rows.exact[0]).toEqual([1n, 2_000n, new Uint8Array([7])])
    expect(rows.exact).toBe(rows.exact)
  })

  test('are exact on request, and a number that is not exact is refused', async () => {
    expect((await rowsOf({ int64: 'bigint', instants: 'micros' }))[0]).toMatchObject({ count: 1n, constructor: 2_000n })
    for (const count of [2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)]) {
      await expect(rowsOf({}, count)).rejects.toMatchObject({
        code: 'BAD_VALUE',
        message: expect.stringContaining(String(count)) as string,
      })
      expect((await rowsOf({ int64: 'bigint' }, count))[0]?.['count']).toBe(count)
    }
    for (const count of [2 ** 53 - 1, 1 - 2 ** 53, 2 ** 32, -(2 ** 32) - 1, -1, 0])
      expect((await rowsOf({}, BigInt(count)))[0]?.['count']).toBe(count)
  })

  test('are an array to all who look: of what is made of them, printed, copied, as JSON', async () => {
    const rows = await rowsOf({})
    expect(Array.isArray(rows)).toBe(true)
    const mapped = rows.map((row) => row['count'])
    expect([Object.getPrototypeOf(mapped), mapped]).toEqual([Array.prototype, [1, null, 1]])
    expect(Object.getPrototypeOf(rows.filter(() => true))).toBe(Array.prototype)
    expect(JSON.parse(JSON.stringify(rows))).toHaveLength(3)
    expect(structuredClone(rows)).toHaveLength(3)
    expect(inspect(rows)).toBe(inspect([...rows]))
    expect(Object.keys(rows)).toEqual(['0', '1', '2'])
  })
})
