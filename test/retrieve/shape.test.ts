import { describe, expect, test } from 'vitest'
import type { OnlineResult } from '../../src/retrieve/online.ts'
import { toOnlineRows, toSdkValue } from '../../src/retrieve/shape.ts'

describe('values of the SDK', () => {
  test('int64 is a number within the safe range, bigint on request', () => {
    expect(toSdkValue('int64', 9_007_199_254_740_991n)).toBe(9_007_199_254_740_991)
    expect(toSdkValue('int64', -5n, { int64: 'bigint' })).toBe(-5n)
    expect(() => toSdkValue('int64', 9_007_199_254_740_992n)).toThrow(
      expect.objectContaining({ code: 'BAD_VALUE', remedy: expect.stringContaining("int64: 'bigint'") as string }),
    )
    expect(toSdkValue('list<int64>', [1n, null])).toEqual([1, null])
    expect(() => toSdkValue('list<int64>', [1n, -9_007_199_254_740_993n])).toThrow(/-9007199254740993/)
    expect(toSdkValue('int64', null)).toBeNull()
  })

  test('instants are dates, floored to the millisecond, or exact microseconds on request', () => {
    expect(toSdkValue('timestamp', 1_001n)).toEqual(new Date(1))
    expect(toSdkValue('timestamp', -1n)).toEqual(new Date(-1))
    expect(toSdkValue('timestamp', -1n, { instants: 'micros' })).toBe(-1n)
    expect(toSdkValue('list<timestamp>', [1_000n, null])).toEqual([new Date(1), null])
    expect(toSdkValue('vector<2>', [1, -0])).toEqual([1, -0])
    expect(toSdkValue('string', 'x')).toBe('x')
  })

  test('rows are objects, and an array that also says the rest by position', () => {
    const allPresent = ['PRESENT', 'PRESENT'] as const
    const result: OnlineResult = {
      features: ['count', 'constructor'],
      types: ['int64', 'timestamp'],
      views: ['v'],
      keyFields: [{ name: 'id', type: 'string' }],
      rows: [
        { values: [1n, 2_000n], statuses: allPresent, eventTimes: [5n] },
        { values: [null, null], statuses: ['NOT_FOUND', 'NOT_FOUND'], eventTimes: [null] },
      ],
      allPresent,
      registryVersion: 3,
    }
    const rows = toOnlineRows(result)
    expect([...rows]).toEqual([
      { count: 1, constructor: new Date(2) },
      { count: null, constructor: null },
    ])
    expect(rows).toMatchObject({
      features: ['count', 'constructor'],
      types: ['int64', 'timestamp'],
      views: ['v'],
      keyFields: [{ name: 'id', type: 'string' }],
      registryVersion: 3,
    })
    expect([rows.statuses[1], rows.eventTimes, rows.exact[0]]).toEqual([
      ['NOT_FOUND', 'NOT_FOUND'],
      [[5n], [null]],
      [1n, 2_000n],
    ])
    expect(toOnlineRows(result, { int64: 'bigint', instants: 'micros' })[0]).toEqual({ count: 1n, constructor: 2_000n })
  })
})
