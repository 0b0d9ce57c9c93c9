import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CsvRecord, cellOf, csvLine, parseCell, readCsv } from '../../src/codecs/csv.ts'
import { ndjsonLine, readNdjson } from '../../src/codecs/ndjson.ts'
import { parseValue } from '../../src/codecs/json-value.ts'
import { sameValue } from '../../src/values/value.ts'
import { anyNullable, anyText, anyType, anyTypedRow } from '../support/arbitrary-value.ts'

/** The bytes of a text, cut into pieces at random places. */
async function* pieces(text: string, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text)
  const at = [...cuts.map((cut) => cut % (bytes.length + 1)), 0, bytes.length].sort((a, b) => a - b)
  for (const [i, start] of at.slice(0, -1).entries()) yield bytes.subarray(start, at[i + 1])
}

const all = async (text: string, cuts: readonly number[] = []): Promise<CsvRecord[]> =>
  Array.fromAsync(readCsv(pieces(text, cuts)))
const anyCuts = fc.array(fc.nat(2000), { maxLength: 8 })
const bad = (detail: RegExp): unknown =>
  expect.objectContaining({ code: 'BAD_REQUEST', message: expect.stringMatching(detail) as unknown })

describe('CSV', () => {
  it('gives back every cell, wherever the bytes are cut', async () => {
    const cell = fc.option(fc.oneof(anyText(), fc.constantFrom('', '"', '\r\n', 'a,b', '\n', '""', ' x ')))
    const table = fc
      .integer({ min: 1, max: 4 })
      .chain((width) => fc.array(fc.array(cell, { minLength: width, maxLength: width }), { maxLength: 6 }))
    await fc.assert(
      fc.asyncProperty(table, anyCuts, fc.boolean(), async (rows, cuts, unix) => {
        const width = rows[0]?.length ?? 1
        const header = Array.from({ length: width }, (_, i) => `c${i}`)
        // Only line ends of records: within cells they belong to the text.
        const text = [header, ...rows]
          .map((row) => (unix ? csvLine(row).replace(/\r\n$/, '\n') : csvLine(row)))
          .join('')
        const records = await all(text, cuts)
        const kept = width === 1 ? rows : rows.filter((row) => row.length > 1)
        expect(records.map((record) => record.cells)).toEqual([header, ...kept])
      }),
    )
  })

  it('tells an empty cell from an empty string, and knows its lines', async () => {
    expect(await all('a,b\r\n,""\r\n\r\n"x\ny",z\r\nlast,')).toEqual([
      { line: 1, cells: ['a', 'b'] },
      { line: 2, cells: [null, ''] },
      { line: 4, cells: ['x\ny', 'z'] },
      { line: 6, cells: ['last', null] },
    ])
    expect(await all('a\n\n""\n')).toEqual([
      { line: 1, cells: ['a'] },
      { line: 2, cells: [null] },
      { line: 3, cells: [''] },
    ])
    expect(await all('\u{feff}a\rb\r')).toEqual([
      { line: 1, cells: ['a'] },
      { line: 2, cells: ['b'] },
    ])
    expect(await all('')).toEqual([])
  })

  it('says which line is wrong', async () => {
    await expect(all('a,b\n1\n')).rejects.toEqual(
      bad(/^Line 2 of the body is not CSV: it has 1 cells, the header has 2/),
    )
    await expect(all('a\nb"c\n')).rejects.toEqual(bad(/^Line 2 .*quote stands within/))
    await expect(all('a\n"b"c\n')).rejects.toEqual(bad(/^Line 2 .*behind a closing quote/))
    await expect(all('a\n"b\n\n')).rejects.toEqual(bad(/^Line 2 .*not closed/))
    await expect(
      Array.fromAsync(
        readCsv(
          (async function* () {
            yield Uint8Array.of(0x61, 0xff)
          })(),
          'x.csv',
        ),
      ),
    ).rejects.toEqual(bad(/x.csv is not UTF-8/))
  })

  it('keeps every value of every type through its cell', () => {
    fc.assert(
      fc.property(
        anyType.chain((type) => anyNullable(type).map((value) => ({ type, value }))),
        ({ type, value }) => {
          expect(
            sameValue(type, parseCell(type, cellOf(type, value), 'line 2'), value),
            `${type} ${cellOf(type, value)}`,
          ).toBe(true)
        },
      ),
    )
    for (const [type, cell] of [
      ['int32', ''],
      ['int32', '007'],
      ['bool', 'True'],
      ['float64', 'nan'],
      ['float64', ''],
      ['list<int32>', '1'],
      ['timestamp', '5'],
    ] as const) {
      expect(() => parseCell(type, cell, 'line 2'), `${type} ${cell}`).toThrow(
        expect.objectContaining({ code: 'BAD_VALUE', at: 'line 2' }),
      )
    }
    expect(parseCell('int32', '1.0', '')).toBe(1)
    expect(parseCell('float64', '1e-05', '')).toBe(1e-5)
    expect(parseCell('float64', '-Infinity', '')).toBe(-Infinity)
  })
})

describe('NDJSON', () => {
  it('gives back every row, wherever the bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyTypedRow, { maxLength: 5 }), anyCuts, async (rows, cuts) => {
        const columns = rows.map((row) => row.map((cell, i) => ({ name: `c${i}`, type: cell.type })))
        const text = rows
          .map((row, i) =>
            ndjsonLine(
              columns[i] ?? [],
              row.map((cell) => cell.value),
            ),
          )
          .join('')
        const read = await Array.fromAsync(readNdjson(pieces(text, cuts)))
        expect(read.map((record) => record.line)).toEqual(rows.map((_, i) => i + 1))
        for (const [i, row] of rows.entries()) {
          for (const [j, cell] of row.entries())
            expect(sameValue(cell.type, parseValue(cell.type, read[i]?.row[`c${j}`], ''), cell.value)).toBe(true)
        }
      }),
    )
  })

  it('skips empty lines and names the bad one', async () => {
    expect(await Array.fromAsync(readNdjson(pieces('{"a":1}\r\n\n{"a":2}', [])))).toEqual([
      { line: 1, row: { a: 1 } },
      { line: 3, row: { a: 2 } },
    ])
    await expect(Array.fromAsync(readNdjson(pieces('{}\n[1]\n', [])))).rejects.toEqual(
      bad(/^Line 2 of the body is not an object/),
    )
    await expect(Array.fromAsync(readNdjson(pieces('{}\n\n{"a"\n', [])))).rejects.toEqual(
      bad(/^Line 3 of the body is not JSON/),
    )
  })
})
