import { fail } from '../../kernel/errors.ts'
import type { Call } from '../../kernel/call.ts'
import type { Connections } from './connections.ts'
import { withConnection } from './statement.ts'

/** A row of the push log's tables, as the driver has it. */
export type Row = Readonly<Record<string, unknown>>

/** The rows of a statement. @throws as `withConnection`. */
export async function rowsOf(
  connections: Connections,
  call: Call | undefined,
  sql: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  return withConnection(connections, call, async (client) => (await client.query<Row>(sql, [...values])).rows)
}

/** A text of a row; integers of 64 bits are text. @throws CORRUPT_STORE. */
export function text(row: Row | undefined, name: string): string {
  const value = row?.[name]
  if (typeof value !== 'string') throw fail('CORRUPT_STORE', `The push log has no ${name} where it should`)
  return value
}

/** A number of a row. @throws CORRUPT_STORE. */
export function integer(row: Row, name: string): number {
  const value = row[name]
  if (typeof value !== 'number') throw fail('CORRUPT_STORE', `The push log has no ${name} where it should`)
  return value
}
