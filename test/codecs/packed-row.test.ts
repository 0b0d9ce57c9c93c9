import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type StoredColumn,
  fingerprintOf,
  headerBytes,
  parseSchemaText,
  readHeader,
  replaces,
  rowEncoder,
  schemaText,
  tombstoneRow,
} from '../../src/codecs/packed-row.ts'
import { rowDecoder } from '../../src/codecs/row-reader.ts'
import { compareOrder } from '../../src/values/order.ts'
import { sameValue } from '../../src/values/value.ts'
import { anyOrder, anyTypedRow } from '../support/arbitrary-value.ts'

const order = { event: 5n, created: null, reading: 0n, tie: 7n }
const header = { revision: 3n, order }
const column = (name: string, type: StoredColumn['type'], meaning = 'm'): StoredColumn => ({ name, type, meaning })

const anyHeader = fc.record({ revision: fc.bigInt({ min: 0n, max: 2n }), order: anyOrder })

/** The same bytes at an odd offset of a larger buffer. */
function unaligned(row: Uint8Array): Uint8Array {
  const wide = new Uint8Array(row.length + 9).fill(0xff)
  wide.set(row, 3)
  return wide.subarray(3, 3 + row.length)
}

describe('packed row', () => {
  it('gives back every value of every type exactly', () => {
    fc.assert(
      fc.property(anyTypedRow, anyOrder, fc.bigInt({ min: 0n, max: 2n ** 60n }), (cells, at, revision) => {
        const columns = cells.map((cell, i) => column(`c${i}`, cell.type))
        const row = rowEncoder(columns, 42)(
          { revision, order: at },
          cells.map((cell) => cell.value),
        )
        expect(readHeader(unaligned(row))).toEqual({ tombstone: false, fingerprint: 42, revision, order: at })
        const values = rowDecoder(columns, columns)(unaligned(row))
        expect(values.length).toBe(cells.length)
        for (const [i, cell] of cells.entries())
          expect(sameValue(cell.type, values[i] ?? null, cell.value), `${cell.type} ${String(cell.value)}`).toBe(true)
      }),
    )
  })

  it('gives the wanted columns in the wanted order, and null for others', () => {
    fc.assert(
      fc.property(anyTypedRow, fc.array(fc.nat(15), { maxLength: 15 }), (cells, picks) => {
        const columns = cells.map((cell, i) => column(`c${i}`, cell.type))
        const row = rowEncoder(columns, 1)(
          header,
          cells.map((cell) => cell.value),
        )
        const wanted = picks.map((i) => columns[i] ?? column(`c${i}`, 'string'))
        const values = rowDecoder(parseSchemaText(schemaText(columns)), wanted)(row)
        for (const [slot, i] of picks.entries()) {
          const cell = cells[i]
          if (cell === undefined) expect(values[slot]).toBeNull()
          else expect(sameValue(cell.type, values[slot] ?? null, cell.value)).toBe(true)
        }
      }),
    )
  })

  it('keeps NaN, infinities, -0, int64, empty lists and null elements apart', () => {
    const columns = [
      column('f', 'list<float64>'),
      column('n', 'int64'),
      column('e', 'list<string>'),
      column('z', 'list<string>'),
    ]
    const row = rowEncoder(columns, 1)(header, [
      [Number.NaN, Infinity, -Infinity, -0, null, 0],
      9007199254740993n,
      [],
      null,
    ])
    const [floats, n, empty, none] = rowDecoder(columns, columns)(row)
    expect(floats).toEqual([Number.NaN, Infinity, -Infinity, -0, null, 0])
    expect([n, empty, none]).toEqual([9007199254740993n, [], null])
  })

  it('takes a column only if name, type and meaning all match', () => {
    const stored = [column('a', 'int32', 'x@1'), column('b', 'string', 'y@1')]
    const row = rowEncoder(stored, 1)(header, [1, 'one'])
    const kept = parseSchemaText(schemaText(stored))
    expect(rowDecoder(kept, [column('a', 'int32', 'x@1'), column('b', 'string', 'y@1')])(row)).toEqual([1, 'one'])
    expect(
      rowDecoder(kept, [column('b', 'string', 'y@2'), column('a', 'int64', 'x@1'), column('c', 'int32', 'x@1')])(row),
    ).toEqual([null, null, null])
  })

  it('replaces exactly where the Order is later, or equal with a revision that is not older', () => {
    fc.assert(
      fc.property(anyHeader, anyHeader, fc.boolean(), (a, other, equal) => {
        const b = equal ? { ...other, order: a.order } : other
        const difference = compareOrder(a.order, b.order)
        expect(replaces(tombstoneRow(a), rowEncoder([], 1)(b, []))).toBe(
          difference > 0 || (difference === 0 && a.revision >= b.revision),
        )
      }),
    )
  })

  it('reads a tombstone as all null', () => {
    const columns = [column('a', 'int32'), column('b', 'string')]
    const row = tombstoneRow(header)
    expect(readHeader(row)).toEqual({ tombstone: true, fingerprint: 0, ...header })
    expect(rowDecoder(columns, columns)(row)).toEqual([null, null])
  })

  it('refuses a row that is cut short or of an unknown format, and never crashes on noise', () => {
    const columns = [
      column('b', 'bool'),
      column('s', 'string'),
      column('l', 'list<string>'),
      column('v', 'vector<3>'),
      column('i', 'int64'),
    ]
    const row = rowEncoder(columns, 1)(header, [true, 'text', ['a', null, 'bcd'], [1, 2, 3], 4n])
    const decode = rowDecoder(columns, columns)
    const corrupt = expect.objectContaining({ code: 'CORRUPT_STORE' }) as Error
    for (let length = 0; length < row.length; length++) expect(() => decode(row.subarray(0, length))).toThrow(corrupt)
    expect(() => readHeader(Uint8Array.from(row, (byte, i) => (i === 0 ? 9 : byte)))).toThrow(corrupt)
    expect(() => replaces(row, row.subarray(0, headerBytes - 1))).toThrow(corrupt)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
        const bytes = Buffer.concat([row.subarray(0, headerBytes), noise])
        try {
          expect(decode(bytes).length).toBe(columns.length)
        } catch (thrown) {
          expect(thrown).toEqual(corrupt)
        }
      }),
    )
  })

  it('makes one schema text and fingerprint for one schema, however its meanings are written', () => {
    const columns = [column('a', 'int32', 'x'.repeat(5000)), column('b', 'list<int64>', 'y')]
    const text = schemaText(columns)
    expect(text.length).toBeLessThan(100)
    expect(schemaText(parseSchemaText(text))).toBe(text)
    expect(fingerprintOf(text)).toBe(fingerprintOf(schemaText([...columns])))
    expect(fingerprintOf(text)).not.toBe(fingerprintOf(schemaText(columns.toReversed())))
    for (const bad of ['', '{}', '[["a","int32"]]', '[["a","int99","m"]]', '[1]'])
      expect(() => parseSchemaText(bad)).toThrow(expect.objectContaining({ code: 'CORRUPT_STORE' }))
  })
})
