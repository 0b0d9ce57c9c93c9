import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { writeValue } from '../../src/codecs/json-value.ts'
import { type StoredColumn, rowEncoder } from '../../src/codecs/packed-row.ts'
import { cursorOver, rowReader } from '../../src/codecs/row-reader.ts'
import { type WireJson, wireForm } from '../../src/codecs/wire-form.ts'
import { anyTypedRow } from '../support/arbitrary-value.ts'

const order = { event: 5n, created: null, reading: 0n, tie: 7n }

describe('the wire form as JSON.stringify writes it', () => {
  test('is what each value is written as, digit by digit, read from a value or straight from its bytes', () => {
    fc.assert(
      fc.property(anyTypedRow, (cells) => {
        const columns = cells.map((cell, i): StoredColumn => ({ name: `c${i}`, type: cell.type, meaning: 'm' }))
        const values = cells.map((cell) => cell.value)
        const row = Buffer.from(rowEncoder(columns, 1)({ revision: 1n, order }, values))
        const wanted = columns.map((column, slot) => ({ column, slot }))
        const read: WireJson[] = []
        rowReader(columns, wanted, wireForm)(cursorOver(row), 0, row.length, read as never)
        const written = cells.map(({ type, value }) => writeValue(type, value))
        expect(JSON.stringify(read)).toBe(`[${written.join(',')}]`)
        const formed = cells.map(({ type, value }) => (value === null ? null : wireForm.of(type).of(value)))
        expect(JSON.stringify(formed)).toBe(`[${written.join(',')}]`)
      }),
      { numRuns: 1000 },
    )
  })

  test('keeps what a double would bend', () => {
    const text = (type: 'int64' | 'float64' | 'float32', value: bigint | number): string =>
      JSON.stringify(wireForm.of(type).of(value))
    expect(text('int64', 2n ** 53n + 1n)).toBe('9007199254740993')
    expect(text('int64', -(2n ** 63n))).toBe('-9223372036854775808')
    expect([text('float64', -0), text('float32', -0), text('float64', Number.NaN)]).toEqual(['-0', '-0', '"NaN"'])
    expect([text('float32', Math.fround(0.1)), text('float64', 1e21)]).toEqual(['0.1', '1e+21'])
  })
})
