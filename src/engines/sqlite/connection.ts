import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import type { CompiledQuery, DatabaseConnection, QueryResult } from 'kysely'
import { fail } from '../../kernel/errors.ts'

/** How many statements stay prepared: more than the metadata ports have. */
const statementsKept = 200

/** Runs kysely's queries on `node:sqlite`. Integers come out as bigint, exact. */
export function sqliteConnection(database: DatabaseSync): DatabaseConnection {
  const statements = new Map<string, { statement: StatementSync; reads: boolean }>()
  const prepared = (sql: string): { statement: StatementSync; reads: boolean } => {
    let found = statements.get(sql)
    if (found === undefined) {
      const statement = database.prepare(sql)
      found = { statement, reads: statement.columns().length > 0 }
      if (statements.size >= statementsKept) statements.clear()
      statements.set(sql, found)
    }
    return found
  }
  return {
    async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
      const { statement, reads } = prepared(query.sql)
      const parameters = query.parameters as readonly SQLInputValue[]
      if (reads) return { rows: statement.all(...parameters) as Row[] }
      const { changes, lastInsertRowid } = statement.run(...parameters)
      return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) }
    },
    streamQuery: () => {
      throw fail('UNSUPPORTED', 'SQLite answers a query at once; it streams none')
    },
  }
}
