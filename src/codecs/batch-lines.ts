import type { Batch, Field } from '../values/batch.ts'
import { isFeatureType } from '../values/feature-type.ts'
import type { Value } from '../values/value.ts'
import { parseExact } from './exact-json.ts'
import { writeValue } from './json-value.ts'
import { wireDecoderOf } from './wire-decoder.ts'

/**
 * A table as lines of JSON, for clients: a head `{"fields":[{"name","type" or "foreign"}],"notes":[…]}`, batches
 * `{"rows":n,"columns":[[…],…]}` with values in the wire form, and an end: `{"end":{"rows":n}}`, or `{"problem":{…}}` where the rows broke
 * off. What has no end was cut off.
 */
export interface LinesHead {
  readonly fields: readonly Field[]
  readonly notes: readonly string[]
}

/** A line behind the head. */
export type TableLine =
  | { readonly kind: 'batch'; readonly batch: Batch }
  | { readonly kind: 'end'; readonly rows: number }
  | { readonly kind: 'problem'; readonly problem: unknown }

/** Characters of one line, unless a single row has more. */
const lineChars = 1 << 20

/** Writes a table as lines, each with its line end; what reading the batches throws is thrown. */
export async function* tableLines(
  table: LinesHead & { readonly batches: () => AsyncIterable<Batch> },
): AsyncGenerator<string> {
  const { fields, notes } = table
  const told = fields.map(({ name, type }) => (typeof type === 'string' ? { name, type } : { name, ...type }))
  yield `${JSON.stringify({ fields: told, notes })}\n`
  let rows = 0
  for await (const batch of table.batches()) {
    rows += batch.rows
    yield* linesOf(batch, 0, batch.rows)
  }
  yield `{"end":{"rows":${rows}}}\n`
}

/** The line that tells why there are no more rows. */
export const problemLine = (problemText: string): string => `{"problem":${problemText}}\n`

/** The rows of a batch as one line, or as several where that is too long. */
function* linesOf(batch: Batch, from: number, to: number): Generator<string> {
  const columns = batch.fields.map(({ type }, c) => {
    const values = batch.columns[c]
    const writes = typeof type === 'string' ? type : 'string'
    let text = ''
    for (let i = from; i < to; i++) text += `${i === from ? '' : ','}${writeValue(writes, values?.[i] ?? null)}`
    return `[${text}]`
  })
  const chars = columns.reduce((sum, column) => sum + column.length, 0)
  const middle = (from + to) >> 1
  if (chars > lineChars && middle > from) {
    yield* linesOf(batch, from, middle)
    yield* linesOf(batch, middle, to)
  } else yield `{"rows":${to - from},"columns":[${columns.join(',')}]}\n`
}

/** Reads the head of a table's lines; undefined where it is none. */
export function readHead(line: string): LinesHead | undefined {
  const { fields, notes } = membersOf(line)
  if (!Array.isArray(fields) || !Array.isArray(notes)) return undefined
  const read = fields.map(fieldOf)
  return read.includes(undefined) ? undefined : { fields: read as Field[], notes: notes.map(String) }
}

function fieldOf(told: unknown): Field | undefined {
  if (typeof told !== 'object' || told === null) return undefined
  const { name, type, foreign } = told as Readonly<Record<string, unknown>>
  if (typeof name !== 'string') return undefined
  if (typeof type === 'string' && isFeatureType(type)) return { name, type }
  return typeof foreign === 'string' ? { name, type: { foreign } } : undefined
}

/** Compiles the reader of the lines behind a head; it answers undefined for what is none. */
export function lineReader(fields: readonly Field[]): (line: string) => TableLine | undefined {
  const decoders = fields.map(({ type }) => wireDecoderOf(typeof type === 'string' ? type : 'string'))
  return (line) => {
    const { rows, columns, end, problem } = membersOf(line)
    if (problem !== undefined) return { kind: 'problem', problem }
    if (typeof end === 'object' && end !== null) return { kind: 'end', rows: Number((end as { rows?: unknown }).rows) }
    if (typeof rows !== 'number' || !Array.isArray(columns) || columns.length !== fields.length) return undefined
    const read: (Value | null)[][] = []
    for (const [c, decode] of decoders.entries()) {
      const given: unknown = columns[c]
      if (!Array.isArray(given) || given.length !== rows) return undefined
      const values: (Value | null)[] = []
      for (const json of given) {
        const value = decode(json)
        if (value === undefined) return undefined
        values.push(value)
      }
      read.push(values)
    }
    return { kind: 'batch', batch: { fields, columns: read, rows } }
  }
}

function membersOf(line: string): Readonly<Record<string, unknown>> {
  const parsed = parseExact(line, 'a line')
  return typeof parsed === 'object' && parsed !== null ? (parsed as Readonly<Record<string, unknown>>) : {}
}
