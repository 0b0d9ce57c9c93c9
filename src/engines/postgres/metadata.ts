import {
  CompiledQuery,
  type DatabaseConnection,
  type DatabaseIntrospector,
  type Dialect,
  type Driver,
  type Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
  sql,
} from 'kysely'
import type pg from 'pg'
import { fail } from '../../kernel/errors.ts'
import { type Connections, openConnections } from './connections.ts'
import { type Meaning, explainPostgres } from './failure.ts'

/** PostgreSQL as a database for the metadata ports. */
export interface PostgresMetadata extends AsyncDisposable {
  readonly name: string
  readonly dialect: Dialect
  explain(thrown: unknown): Meaning
}

/** How long one statement may take: the documents of metadata are small. */
const statementMs = 5_000

/**
 * Opens a PostgreSQL database for the metadata ports; it connects when first used. Writers take turns by an advisory lock:
 * each sees all that those before it wrote, none is turned away, and the lock ends with its transaction, however that ends.
 */
export function openPostgresMetadata(url: string): PostgresMetadata {
  const connections = openConnections(url)
  const { name } = connections
  return Object.freeze({
    name,
    dialect: Object.freeze({
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => postgresDriver(connections),
      createIntrospector: (db: Kysely<unknown>) => introspectorOf(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    }),
    explain: (thrown: unknown) => explainPostgres(name, thrown),
    [Symbol.asyncDispose]: () => connections[Symbol.asyncDispose](),
  } satisfies PostgresMetadata)
}

/** Looks at the tables of the schema that is used: others may hold other repositories. */
function introspectorOf(db: Kysely<unknown>): DatabaseIntrospector {
  const all = new PostgresIntrospector(db)
  return {
    getSchemas: () => all.getSchemas(),
    async getTables(options) {
      const current = await sql<{ schema: unknown }>`select current_schema()::text as schema`.execute(db)
      return (await all.getTables(options)).filter((table) => table.schema === current.rows[0]?.schema)
    },
  }
}

/** A connection of kysely that knows whether what it does next can be trusted. */
interface Connection extends DatabaseConnection {
  readonly client: pg.PoolClient
  failed: boolean
}

function postgresDriver(connections: Connections): Driver {
  const nothing = async (): Promise<void> => {}
  return {
    init: nothing,
    acquireConnection: async () => connectionOf(connections, await connections.take()),
    async beginTransaction(connection, { accessMode }) {
      if (accessMode === 'read only')
        return void (await run(connection, 'start transaction isolation level repeatable read read only'))
      // Each statement sees what was committed before it, so what comes after the lock sees all earlier writers.
      await run(connection, 'start transaction isolation level read committed read write')
      await run(connection, writersLock)
    },
    commitTransaction: async (connection) => void (await run(connection, 'commit')),
    rollbackTransaction: async (connection) => void (await run(connection, 'rollback')),
    async releaseConnection(connection) {
      const { client, failed } = connection as Connection
      client.release(failed)
    },
    destroy: nothing,
  }
}

/** One lock for each schema: it is the metadata store of one repository. */
const writersLock = `select pg_advisory_xact_lock(1886547814, hashtext(current_schema()))`

const run = (connection: DatabaseConnection, sql: string): Promise<QueryResult<unknown>> =>
  connection.executeQuery(CompiledQuery.raw(sql))

function connectionOf(connections: Connections, client: pg.PoolClient): Connection {
  const connection: Connection = {
    client,
    failed: false,
    async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
      try {
        // The server is trusted to answer or to hang up; where it does neither, nobody waits for it.
        const asked = { text: query.sql, values: [...query.parameters], query_timeout: statementMs }
        const { command, rowCount, rows } = await client.query(asked)
        if (command === 'ROLLBACK' && query.sql === 'commit')
          throw fail('STORE_UNREACHABLE', 'PostgreSQL rolled a transaction back that was to be committed')
        return rowCount === null ? { rows: rows as Row[] } : { rows: rows as Row[], numAffectedRows: BigInt(rowCount) }
      } catch (thrown) {
        connection.failed = true
        connections.failed(thrown)
        throw thrown
      }
    },
    streamQuery: () => {
      throw fail('UNSUPPORTED', 'Metadata is small: nothing of it is streamed')
    },
  }
  return connection
}
