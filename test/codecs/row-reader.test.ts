import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type StoredColumn, rowEncoder } from '../../src/codecs/packed-row.ts'
import { cursorOver, eventBound, eventOfRow, isBefore, rowReader } from '../../src/codecs/row-reader.ts'
import { byteList, endOf, startOf } from '../../src/values/byte-list.ts'
import type { Value } from '../../src/values/value.ts'
import { anyOrder, anyTypedRow } from '../support/arbitrary-value.ts'

const column = (name: string, type: StoredColumn['type']): StoredColumn => ({ name, type, meaning: 'm' })
const order = { event: 5n, created: null, reading: 0n, tie: 7n }
const exact = { none: null, of: () => ({ of: (value: Value): Value | null => value }) }

describe('rows that lie one after the other', () => {
  test('are read each from its own bytes, into named slots', () => {
    fc.assert(
      fc.property(anyTypedRow, fc.nat(40), (cells, gap) => {
        const columns = cells.map((cell, i) => column(`c${i}`, cell.type))
        const row = rowEncoder(columns, 1)(
          { revision: 1n, order },
          cells.map((cell) => cell.value),
        )
        const list = byteList([row, Buffer.alloc(gap, 0xff), null, row])
        const wanted = columns.map((each) => ({ column: each, slot: each.name }))
        const read = rowReader(columns, wanted, exact)
        const [first, second]: Record<string, Value | null>[] = [{}, {}]
        const cursor = cursorOver(list.bytes)
        const nulls = cells.filter((cell) => cell.value === null).length
        expect(read(cursor, startOf(list, 0), endOf(list, 0), first ?? {})).toBe(nulls)
        expect(read(cursor, startOf(list, 3), endOf(list, 3), second ?? {})).toBe(nulls)
        expect(first).toEqual(second)
        expect(first).toEqual(Object.fromEntries(cells.map((cell, i) => [`c${i}`, cell.value])))
      }),
    )
  })

  test('never read on into the next one', () => {
    const columns = [column('i', 'int64'), column('s', 'string'), column('l', 'list<string>'), column('v', 'vector<3>')]
    const row = rowEncoder(columns, 1)({ revision: 1n, order }, [4n, 'text', ['a', null, 'bcd'], [1, 2, 3]])
    const read = rowReader(
      columns,
      columns.map((each, slot) => ({ column: each, slot })),
      exact,
    )
    const twice = cursorOver(Buffer.concat([row, row]))
    expect(() => read(twice, 0, row.length, [] as never)).not.toThrow()
    for (let end = 0; end < row.length; end++)
      expect(() => read(twice, 0, end, [] as never)).toThrow(
        expect.objectContaining({ code: 'CORRUPT_STORE' }) as Error,
      )
  })

  test('lie before an instant exactly where their event time says so, near and far from today', () => {
    const anyInstant = anyOrder.map(({ event }) => event)
    fc.assert(
      fc.property(anyInstant, fc.bigInt({ min: -2n, max: 2n }), anyInstant, (event, by, other) => {
        const cursor = cursorOver(Buffer.from(rowEncoder([], 1)({ revision: 1n, order: { ...order, event } }, [])))
        expect(eventOfRow(cursor, 0)).toBe(event)
        for (const bound of [event + by, other, event + by - 2n ** 62n, 2n ** 63n + by])
          expect(isBefore(cursor, 0, eventBound(bound))).toBe(event < bound)
      }),
      { numRuns: 1000 },
    )
  })
})
