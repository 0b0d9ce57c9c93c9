import { fail } from '../../kernel/errors.ts'
import type { Batch, ColumnValues, Field } from '../../values/batch.ts'
import type { Value } from '../../values/value.ts'

/** The columns of two results of as many rows side by side, in batches of the left one's. @throws CORRUPT_STORE where one has more rows. */
export async function* sideBySide(
  fields: readonly Field[],
  left: AsyncIterable<Batch>,
  right: AsyncIterator<Batch>,
): AsyncGenerator<Batch> {
  const others = new Rows(right)
  for await (const batch of left)
    yield { fields, rows: batch.rows, columns: [...batch.columns, ...(await others.take(batch.rows))] }
  if (!(await others.isRead())) throw fail('CORRUPT_STORE', 'PostgreSQL answered more rows than it was asked for')
}

/** Rows that are taken in other numbers than they come in. */
class Rows {
  readonly #batches: AsyncIterator<Batch>
  #batch: Batch = { fields: [], columns: [], rows: 0 }
  /** How many of its rows were taken. */
  #taken = 0

  constructor(batches: AsyncIterator<Batch>) {
    this.#batches = batches
  }

  async take(rows: number): Promise<readonly ColumnValues[]> {
    const parts: (readonly ColumnValues[])[] = []
    for (let left = rows; left > 0;) {
      if (await this.isRead()) throw fail('CORRUPT_STORE', 'PostgreSQL answered fewer rows than it was asked for')
      const count = Math.min(left, this.#batch.rows - this.#taken)
      parts.push(this.#batch.columns.map((column) => cut(column, this.#taken, this.#taken + count)))
      this.#taken += count
      left -= count
    }
    const [first = [], ...more] = parts
    return more.length === 0 ? first : first.map((_, c) => joined(parts.map((part) => part[c] ?? [])))
  }

  /** Whether there are no more rows. */
  async isRead(): Promise<boolean> {
    while (this.#taken === this.#batch.rows) {
      const next = await this.#batches.next()
      if (next.done === true) return true
      this.#batch = next.value
      this.#taken = 0
    }
    return false
  }
}

type Cut = ColumnValues & { subarray(from: number, to: number): ColumnValues }

function cut(values: ColumnValues, from: number, to: number): ColumnValues {
  if (from === 0 && to === values.length) return values
  return ArrayBuffer.isView(values) ? (values as unknown as Cut).subarray(from, to) : Array.from(values).slice(from, to)
}

const joined = (parts: readonly ColumnValues[]): ColumnValues =>
  parts.flatMap((part): (Value | null)[] => Array.from(part))
