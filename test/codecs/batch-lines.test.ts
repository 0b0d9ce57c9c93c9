import fc from 'fast-check'
import { expect, test } from 'vitest'
import { lineReader, problemLine, readHead, tableLines } from '../../src/codecs/batch-lines.ts'
import type { Batch, Field } from '../../src/values/batch.ts'
import type { Value } from '../../src/values/value.ts'
import { anyType, anyValue } from '../support/arbitrary-value.ts'

const table = fc.array(anyType, { minLength: 1, maxLength: 4 }).chain((columns) =>
  fc.record({
    columns: fc.constant(columns),
    batches: fc.array(fc.array(fc.tuple(...columns.map((type) => fc.option(anyValue(type)))), { maxLength: 5 }), {
      maxLength: 3,
    }),
  }),
)

async function linesOf(fields: readonly Field[], batches: readonly Batch[]): Promise<string[]> {
  const lines: string[] = []
  const all = async function* (): AsyncGenerator<Batch> {
    yield* batches
  }
  for await (const line of tableLines({ fields, notes: ['a note'], batches: all })) lines.push(line)
  return lines
}

test('what is written is read as the same, of every type', async () => {
  await fc.assert(
    fc.asyncProperty(table, async ({ columns, batches }) => {
      const fields = columns.map((type, i): Field => ({ name: `c${i}`, type }))
      const given = batches.map((rows): Batch => ({
        fields,
        rows: rows.length,
        columns: columns.map((_, c) => rows.map((row): Value | null => row[c] ?? null)),
      }))
      const [head = '', ...lines] = await linesOf(fields, given)
      expect(readHead(head)).toEqual({ fields, notes: ['a note'] })
      const read = lineReader(fields)
      const told = lines.map((line) => read(line))
      expect(told.slice(0, -1)).toStrictEqual(given.map((batch) => ({ kind: 'batch', batch })))
      expect(told.at(-1)).toEqual({ kind: 'end', rows: batches.flat().length })
    }),
  )
})

test('a long batch is cut into lines of a megabyte, a foreign type is named, a problem is told', async () => {
  const fields: Field[] = [{ name: 'c', type: { foreign: 'DECIMAL(9,2)' } }]
  const rows = 5000
  const given: Batch = { fields, rows, columns: [Array.from({ length: rows }, (_, i) => `${i}`.padStart(1000, 'x'))] }
  const [head = '', ...lines] = await linesOf(fields, [given])
  expect(readHead(head)?.fields).toEqual(fields)
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(1.1 * 1024 * 1024)
  const read = lineReader(fields)
  const values = lines.flatMap((line) => {
    const told = read(line)
    return told?.kind === 'batch' ? Array.from(told.batch.columns[0] ?? []) : []
  })
  expect(values).toEqual(given.columns[0])
  expect(read(problemLine('{"code":"CLOSED"}'))).toEqual({ kind: 'problem', problem: { code: 'CLOSED' } })
})

test('what is none of it is not read', () => {
  const fields: Field[] = [{ name: 'c', type: 'int32' }]
  const read = lineReader(fields)
  for (const line of [
    '[]',
    '{}',
    '{"rows":1}',
    '{"rows":2,"columns":[[1]]}',
    '{"rows":1,"columns":[["1"]]}',
    '{"rows":1,"columns":[[1],[1]]}',
  ])
    expect([line, read(line)]).toEqual([line, undefined])
  for (const line of [
    '7',
    '{"fields":[]}',
    '{"fields":[{"name":"c"}],"notes":[]}',
    '{"fields":[{"name":"c","type":"int128"}],"notes":[]}',
    '{"fields":[null],"notes":[]}',
  ])
    expect([line, readHead(line)]).toEqual([line, undefined])
})
