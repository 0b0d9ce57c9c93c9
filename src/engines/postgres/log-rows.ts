import type pg from 'pg'
import { fail } from '../../kernel/errors.ts'
import type { Call } from '../../kernel/call.ts'
import type { Connections } from './connections.ts'
import { withConnection } from './statement.ts'

/** A row of the push log's tables, as the driver has it. */
export type Row = Readonly<Record<string, unknown>>

/** How long one statement of the log may take: where the network swallows everything, nobody else would end it. */
const statementMs = 10_000

/** The rows of a statement that may be run again. @throws as `withConnection`. */
export async function rowsOf(
  connections: Connections,
  call: Call | undefined,
  sql: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  return withConnection(connections, call, (client) => asked(client, sql, values))
}

/** The rows of a statement that counts once. @throws as `withConnection`; STORE_UNREACHABLE where nobody knows whether it did. */
export async function rowsOfOnce(connections: Connections, sql: string, values: readonly unknown[]): Promise<Row[]> {
  return withConnection(connections, undefined, (client) => asked(client, sql, values), { twice: false })
}

async function asked(client: pg.PoolClient, sql: string, values: readonly unknown[]): Promise<Row[]> {
  const query = { text: sql, values: [...values], query_timeout: statementMs }
  return (await client.query<Row>(query)).rows
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
