import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type StoredColumn, rowEncoder } from '../../src/codecs/packed-row.ts'
import { beforeInstant, cursorOver, eventOfRow, rowReader } from '../../src/codecs/row-reader.ts'
import { byteList } from '../../src/values/byte-list.ts'
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
        const { bytes, starts, ends } = byteList([row, Buffer.alloc(gap, 0xff), null, row])
        const wanted = columns.map((each) => ({ column: each, slot: each.name }))
        const read = rowReader(columns, wanted, exact)
        const [first, second]: Record<string, Value | null>[] = [{}, {}]
        const cursor = cursorOver(bytes)
        const nulls = cells.filter((cell) => cell.value === null).length
        expect(read(cursor, starts[0] ?? 0, ends[0] ?? 0, first ?? {})).toBe(nulls)
        expect(read(cursor, starts[3] ?? 0, ends[3] ?? 0, second ?? {})).toBe(nulls)
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

  test('are before an instant exactly where their event time is, near and far from today', () => {
    const anyInstant = anyOrder.map(({ event }) => event)
    fc.assert(
      fc.property(
        anyInstant,
        fc.oneof(anyInstant, fc.constant(null)),
        fc.integer({ min: -2, max: 2 }),
        (event, other, by) => {
          const cursor = cursorOver(Buffer.from(rowEncoder([], 1)({ revision: 1n, order: { ...order, event } }, [])))
          const instant = (other ?? event) + BigInt(by)
          expect(eventOfRow(cursor, 0)).toBe(event)
          expect(beforeInstant(cursor, instant)(0)).toBe(event < instant)
        },
      ),
      { numRuns: 1000 },
    )
  })
})
