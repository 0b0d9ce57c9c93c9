import { fail } from '../../kernel/errors.ts'
import type { Batch, ColumnValues, Field } from '../../values/batch.ts'
import { Rows } from './turns.ts'

/** The columns of two results of as many rows side by side, in batches of the left one's. @throws CORRUPT_STORE where one has more rows. */
export async function* sideBySide(
  fields: readonly Field[],
  left: AsyncIterable<Batch>,
  right: AsyncIterator<Batch>,
): AsyncGenerator<Batch> {
  const others = new Rows(right)
  for await (const batch of left) {
    const parts: Batch[] = []
    for (let missing = batch.rows; missing > 0;) {
      const part = await others.take(missing)
      if (part === undefined) throw fail('CORRUPT_STORE', 'PostgreSQL answered fewer rows than it was asked for')
      missing -= part.rows
      parts.push(part)
    }
    yield { fields, rows: batch.rows, columns: [...batch.columns, ...joined(parts)] }
  }
  if ((await others.take(1)) !== undefined)
    throw fail('CORRUPT_STORE', 'PostgreSQL answered more rows than it was asked for')
}

function joined(parts: readonly Batch[]): readonly ColumnValues[] {
  const [first, ...more] = parts
  if (first === undefined || more.length === 0) return first?.columns ?? []
  return first.columns.map((_, c) => parts.flatMap(({ columns }) => Array.from(columns[c] ?? [])))
}
