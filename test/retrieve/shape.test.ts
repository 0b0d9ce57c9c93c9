import { describe, expect, test } from 'vitest'
import { toSdkValue } from '../../src/retrieve/shape.ts'

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
})
