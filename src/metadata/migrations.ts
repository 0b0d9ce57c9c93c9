import type { Kysely, Transaction } from 'kysely'
import { fail } from '../kernel/errors.ts'
import type { Tables } from './tables.ts'
import { integerOf } from './rows.ts'
import type { Database } from './database.ts'

/** Each runs once per store, in order, all in one transaction. Never change one that was released: add another. */
const migrations: readonly ((tx: Transaction<Tables>) => Promise<void>)[] = [createTables]

/**
 * Brings a store's tables to this release's form. Safe from several processes at once.
 * @throws UNSUPPORTED where a later release has written the store.
 */
export async function migrate(database: Database): Promise<void> {
  const done = (tx: Kysely<Tables>): Promise<number> => formatOf(tx, database.name)
  if ((await database.read(undefined, done)) === migrations.length) return
  await database.write(undefined, async (tx) => {
    const from = await done(tx)
    for (const migration of migrations.slice(from)) await migration(tx)
    await tx.updateTable('counter').set({ value: migrations.length }).where('name', '=', 'format').execute()
  })
}

async function formatOf(db: Kysely<Tables>, name: string): Promise<number> {
  const tables = await db.introspection.getTables()
  if (!tables.some((table) => table.name === 'counter')) return 0
  const row = await db.selectFrom('counter').select('value').where('name', '=', 'format').executeTakeFirst()
  const format = row === undefined ? 0 : integerOf(row.value, 'format')
  if (format > migrations.length)
    throw fail(
      'UNSUPPORTED',
      `${name} was written by a later release (format ${format}; this one knows ${migrations.length})`,
      { remedy: 'Use that release, or restore a backup from before it.' },
    )
  return format
}

async function createTables(tx: Transaction<Tables>): Promise<void> {
  const create = tx.schema
  await create
    .createTable('counter')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('value', 'bigint', (c) => c.notNull())
    .execute()
  await tx
    .insertInto('counter')
    .values(['format', 'state', 'run'].map((name) => ({ name, value: 0 })))
    .execute()
  await create
    .createTable('registry_version')
    .addColumn('version', 'integer', (c) => c.primaryKey())
    .addColumn('parent', 'integer', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('author', 'text', (c) => c.notNull())
    .addColumn('message', 'text')
    .addColumn('changes', 'integer', (c) => c.notNull())
    .addColumn('definitions', 'text', (c) => c.notNull())
    .execute()
  await create
    .createTable('view_state')
    .addColumn('view', 'text', (c) => c.primaryKey())
    .addColumn('version', 'bigint', (c) => c.notNull())
    .addColumn('generations', 'text', (c) => c.notNull())
    .addColumn('progress', 'text', (c) => c.notNull())
    .execute()
  await create
    .createTable('lease')
    .addColumn('name', 'text', (c) => c.primaryKey())
    .addColumn('token', 'text', (c) => c.notNull())
    .addColumn('owner', 'text', (c) => c.notNull())
    .addColumn('until_ms', 'bigint', (c) => c.notNull())
    .execute()
  await create
    .createTable('run')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('sequence', 'bigint', (c) => c.notNull().unique())
    .addColumn('view', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('document', 'text', (c) => c.notNull())
    .execute()
  await create.createIndex('run_by_view').on('run').columns(['view', 'sequence']).execute()
  await create.createIndex('run_by_state').on('run').columns(['state', 'sequence']).execute()
}
