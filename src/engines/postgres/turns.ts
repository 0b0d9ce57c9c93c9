import { fail } from '../../kernel/errors.ts'
import type { Batch, ColumnValues } from '../../values/batch.ts'
import type { Value } from '../../values/value.ts'

/** Rows of a spine that go to one session before the next one has its turn. */
export const turnRows = 16_384

/**
 * Rows of several sessions in the order of the spine whose rows they had in turns. Read once, and all sessions to their end: then their
 * connections are good for something else. @throws CORRUPT_STORE where one has rows whose turn never comes.
 */
export async function* inTurns(sessions: readonly AsyncIterator<Batch>[]): AsyncGenerator<Batch> {
  const all = sessions.map((batches) => new Rows(batches))
  for (let turn = 0; all.length > 0; turn++) {
    const rows = all[turn % all.length]
    for (let left = turnRows; left > 0;) {
      const part = await rows?.take(left)
      if (part === undefined) {
        const others = await Promise.all(all.map((each) => each.take(1)))
        if (others.every((other) => other === undefined)) return
        throw fail('CORRUPT_STORE', 'PostgreSQL answered more rows than it was asked for')
      }
      left -= part.rows
      yield part
    }
  }
}

/** Rows that are taken in other numbers than they come in. */
export class Rows {
  readonly #batches: AsyncIterator<Batch>
  #batch: Batch = { fields: [], columns: [], rows: 0 }
  /** How many of its rows were taken. */
  #taken = 0

  constructor(batches: AsyncIterator<Batch>) {
    this.#batches = batches
  }

  /** The next rows, of which there is at least one; undefined where there are no more. */
  async take(most: number): Promise<Batch | undefined> {
    while (this.#taken === this.#batch.rows) {
      const next = await this.#batches.next()
      if (next.done === true) return undefined
      this.#batch = next.value
      this.#taken = 0
    }
    const rows = Math.min(most, this.#batch.rows - this.#taken)
    const part = cut(this.#batch, this.#taken, rows)
    this.#taken += rows
    return part
  }
}

/** Some rows of a batch. */
export function cut(batch: Batch, from: number, rows: number): Batch {
  if (rows === batch.rows) return batch
  return { fields: batch.fields, rows, columns: batch.columns.map((column) => slice(column, from, from + rows)) }
}

type Numbers = ColumnValues & { subarray(from: number, to: number): ColumnValues }

function slice(values: ColumnValues, from: number, to: number): ColumnValues {
  if (ArrayBuffer.isView(values)) return (values as unknown as Numbers).subarray(from, to)
  return Array.from({ length: to - from }, (_, i): Value | null => values[from + i] ?? null)
}
