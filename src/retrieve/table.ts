import { randomBytes } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { cellOf, csvLine } from '../codecs/csv.ts'
import { writeValue } from '../codecs/json-value.ts'
import type { Exactness, SdkValue, Table } from '../contract/store.ts'
import { fail } from '../kernel/errors.ts'
import type { Batch, Field } from '../values/batch.ts'
import type { Value } from '../values/value.ts'
import type { QueryResult } from '../ports/offline.ts'
import { type Shaper, shaperOf } from './shape.ts'

/** Characters gathered before they are written to a file. */
const flushChars = 1 << 20

/** What a table is read from: a query of this process, or a server's answer. */
interface Answered {
  readonly result: Omit<QueryResult, 'progress'>
  readonly notes: readonly string[]
}

/** The rows of a historical read as the SDK gives them. They are read once; a second reading is a BAD_REQUEST. */
export function tableOf({ result, notes }: Answered): Table {
  let read = false
  const batches = (): AsyncIterable<Batch> => {
    if (read)
      throw fail('BAD_REQUEST', 'The rows of this table were read already', { remedy: 'Ask for the table again.' })
    read = true
    return closing(result, result.batches())
  }
  return {
    fields: result.fields,
    notes,
    batches,
    rows: async (exactness) => {
      const rows: Record<string, SdkValue>[] = []
      const shapers = result.fields.map((f) => shaperOfField(f, exactness))
      for await (const batch of batches()) {
        for (let i = 0; i < batch.rows; i++) {
          const row: Record<string, SdkValue> = {}
          for (const [j, field] of result.fields.entries())
            define(row, field.name, shapers[j]?.(batch.columns[j]?.[i] ?? null) ?? null)
          rows.push(row)
        }
      }
      return rows
    },
    columns: async (exactness) => {
      const columns = result.fields.map((): SdkValue[] => [])
      const shapers = result.fields.map((f) => shaperOfField(f, exactness))
      for await (const batch of batches()) {
        for (const [j, column] of columns.entries())
          for (let i = 0; i < batch.rows; i++) column.push(shapers[j]?.(batch.columns[j]?.[i] ?? null) ?? null)
      }
      const named: Record<string, SdkValue[]> = {}
      for (const [j, field] of result.fields.entries()) define(named, field.name, columns[j] ?? [])
      return named
    },
    async toParquet(path) {
      if (read) throw fail('BAD_REQUEST', 'The rows of this table were read already')
      read = true
      try {
        return await result.writeParquet(path)
      } finally {
        await result[Symbol.asyncDispose]()
      }
    },
    toCsv: (path) => writeWhole(path, textOf(batches, result.fields, 'csv')),
    toNdjson: (path) => writeWhole(path, textOf(batches, result.fields, 'ndjson')),
    [Symbol.asyncDispose]: () => result[Symbol.asyncDispose](),
  }
}

/** Pieces of a table's text and how many rows each holds: CSV with its header, or NDJSON. */
export async function* textOf(
  batches: () => AsyncIterable<Batch>,
  fields: readonly Field[],
  format: 'csv' | 'ndjson',
): AsyncGenerator<{ text: string; rows: number }> {
  if (format === 'csv') yield { text: csvLine(fields.map((f) => f.name)), rows: 0 }
  const names = fields.map((f) => `${JSON.stringify(f.name)}:`)
  for await (const batch of batches()) {
    let text = ''
    for (let i = 0; i < batch.rows; i++) {
      if (format === 'csv') text += csvLine(fields.map((f, j) => cell(f, batch.columns[j]?.[i] ?? null)))
      else
        text += `{${fields.map((f, j) => `${names[j] ?? ''}${jsonOf(f, batch.columns[j]?.[i] ?? null)}`).join(',')}}\n`
    }
    yield { text, rows: batch.rows }
  }
}

/** The wire JSON of one value; that of a foreign type is its text. */
export const jsonOf = (field: Field, value: Value | null): string =>
  writeValue(typeof field.type === 'string' ? field.type : 'string', value)

const cell = (field: Field, value: Value | null): string | null =>
  cellOf(typeof field.type === 'string' ? field.type : 'string', value)

const shaperOfField = (field: Field, exactness: Exactness = {}): Shaper =>
  shaperOf(typeof field.type === 'string' ? field.type : 'string', exactness)

/** A spine may have a column `__proto__`. */
function define<T>(target: Record<string, T>, name: string, value: T): void {
  if (name === '__proto__')
    Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true })
  else target[name] = value
}

async function* closing(result: AsyncDisposable, batches: AsyncIterable<Batch>): AsyncGenerator<Batch> {
  try {
    yield* batches
  } finally {
    await result[Symbol.asyncDispose]()
  }
}

/** Writes a file whole or not at all: beside its place first, then renamed. */
async function writeWhole(path: string, pieces: AsyncIterable<{ text: string; rows: number }>): Promise<number> {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`
  let file: FileHandle | undefined
  let rows = 0
  try {
    file = await open(temporary, 'wx')
    let pending = ''
    for await (const piece of pieces) {
      pending += piece.text
      rows += piece.rows
      if (pending.length >= flushChars) {
        await file.write(pending)
        pending = ''
      }
    }
    if (pending !== '') await file.write(pending)
    await file.close()
    await rename(temporary, path)
    return rows
  } catch (thrown) {
    await file?.close().catch(() => undefined)
    await rm(temporary, { force: true })
    throw thrown
  }
}
