import type { DatabaseSync } from 'node:sqlite'
import {
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import { sqliteConnection } from './connection.ts'

/**
 * Kysely's dialect for an open `node:sqlite` database, which stays its owner's to close. Kysely hands the one connection
 * to one transaction at a time.
 */
export function sqliteDialect(database: DatabaseSync): Dialect {
  return Object.freeze({
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => sqliteDriver(database),
    createIntrospector: (db: Kysely<unknown>) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  })
}

function sqliteDriver(database: DatabaseSync): Driver {
  const connection: DatabaseConnection = sqliteConnection(database)
  const nothing = async (): Promise<void> => {}
  return {
    init: nothing,
    acquireConnection: async () => connection,
    // A transaction that begins by reading can fail to write later (another one wrote meanwhile), and no waiting helps it: so writers begin as writers.
    beginTransaction: async (_, { accessMode }) =>
      database.exec(accessMode === 'read only' ? 'begin' : 'begin immediate'),
    commitTransaction: async () => database.exec('commit'),
    // SQLite itself rolls back on some failures (no room, I/O); a closed database has nothing to roll back.
    rollbackTransaction: async () => {
      if (database.isOpen && database.isTransaction) database.exec('rollback')
    },
    releaseConnection: nothing,
    destroy: nothing,
  }
}
