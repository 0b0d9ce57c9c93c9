import { cellOf } from '../codecs/csv.ts'
import type { Table } from '../contract/store.ts'
import { textOf } from '../retrieve/table.ts'
import type { Field } from '../values/batch.ts'
import type { FeatureType } from '../values/feature-type.ts'
import type { Value } from '../values/value.ts'
import { jsonForm } from './json-form.ts'
import { aligned } from './table.ts'
import type { Answer } from './session.ts'
import type { Stream, Terminal } from './terminal.ts'

/** Rows of a training set that a terminal shows. */
const shownRows = 20

/** Writes all rows to stdout as CSV, as they come. */
export async function streamCsv(table: Table, terminal: Terminal): Promise<void> {
  for await (const { text } of textOf(() => table.batches(), table.fields, 'csv')) await terminal.write(text)
}

/** A table for people, cut short, or as one document with all its columns. */
export async function printedTable(
  table: Table,
  { stream, json, startedAt }: { readonly stream: Stream; readonly json: boolean; readonly startedAt: number },
): Promise<Answer> {
  const { fields } = table
  const columns = fields.map((): (Value | null)[] => [])
  let rows = 0
  let isCut = false
  for await (const batch of table.batches()) {
    const take = json ? batch.rows : Math.min(batch.rows, shownRows - rows)
    for (const [c, column] of columns.entries())
      for (let i = 0; i < take; i++) column.push(batch.columns[c]?.[i] ?? null)
    rows += take
    isCut = take < batch.rows
    if (isCut) break
  }
  const types = Object.fromEntries(
    fields.map((field) => [field.name, typeof field.type === 'string' ? field.type : field.type.foreign]),
  )
  return {
    json: {
      rows,
      columns: fields.map((field) => field.name),
      seconds: (performance.now() - startedAt) / 1000,
      out: null,
      notes: table.notes,
      types,
      values: Object.fromEntries(
        fields.map((field, c) => [field.name, (columns[c] ?? []).map((value) => jsonForm(typeOfField(field), value))]),
      ),
    },
    text: async () => {
      const grid = {
        columns: fields.map(({ name, type }) => ({
          name,
          right: typeof type === 'string' && /^(?:int|float)/.test(type),
        })),
        rows: Array.from({ length: rows }, (_, i) =>
          fields.map((field, c) => shown(typeOfField(field), columns[c]?.[i] ?? null)),
        ),
      }
      return `${await aligned(grid, stream)}${isCut ? stream.colours.dim(`… the first ${shownRows} rows; --out FILE writes them all\n`) : ''}`
    },
    next: 'provender materialize',
  }
}

const shownDigits = 6

/** A cell on a terminal: floats rounded, since sixteen digits side by side hide all else. */
function shown(type: FeatureType, value: Value | null): string | null {
  return typeof value === 'number' && Number.isFinite(value) && type.startsWith('float')
    ? String(Number(value.toPrecision(shownDigits)))
    : cellOf(type, value)
}

/** A foreign value is text. */
const typeOfField = ({ type }: Field): FeatureType => (typeof type === 'string' ? type : 'string')
