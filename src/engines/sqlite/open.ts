import { closeSync, fstatSync, mkdirSync, openSync, readSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Dialect } from 'kysely'
import { fail, type ProvenderError } from '../../kernel/errors.ts'
import { sqliteDialect } from './dialect.ts'
import { corrupt, explainSqlite } from './failure.ts'

/** What the header of a SQLite file says it belongs to: "Prov". */
const applicationId = 0x50_72_6f_76
/** How long SQLite itself waits, which stops the whole process: just enough for another one's short exclusive moments (recovery, the last close). */
const blockingMs = 20
/** How long opening waits for other processes, in small pauses. */
const patienceMs = 5000

/** A SQLite file as a database for the metadata ports. */
export interface SqliteEngine extends AsyncDisposable {
  readonly name: string
  readonly dialect: Dialect
  explain(thrown: unknown): 'busy' | ProvenderError
}

/**
 * Opens a SQLite file, or makes it (its folder too): WAL, so that readers and the one writer do not wait for each other;
 * synchronous FULL, so that what was answered survives a power loss.
 * @throws CORRUPT_STORE naming the file when it is cut off, damaged or somebody else's; STORE_UNREACHABLE; STORE_FULL.
 */
export async function openSqlite(file: string): Promise<SqliteEngine> {
  const database = connect(file)
  try {
    for (const untilMs = Date.now() + patienceMs; ; await sleep(5 + Math.random() * 20)) {
      const trouble = attempt(file, () => prepare(file, database))
      if (trouble === undefined) break
      if (trouble !== 'busy') throw trouble
      if (Date.now() > untilMs)
        throw fail('STORE_UNREACHABLE', `Other processes kept ${file} locked for ${patienceMs / 1000} s`)
    }
  } catch (thrown) {
    database.close()
    throw thrown
  }
  return Object.freeze({
    name: file,
    dialect: sqliteDialect(database),
    explain: (thrown: unknown) => explainSqlite(file, thrown),
    [Symbol.asyncDispose]: async () => {
      if (database.isOpen) database.close()
    },
  })
}

function connect(file: string): DatabaseSync {
  let database: DatabaseSync | undefined
  const trouble = attempt(file, () => {
    mkdirSync(dirname(file), { recursive: true })
    database = new DatabaseSync(file, { timeout: blockingMs, readBigInts: true, enableForeignKeyConstraints: true })
  })
  if (database !== undefined) return database
  throw trouble === 'busy' || trouble === undefined ? fail('STORE_UNREACHABLE', `${file} cannot be opened`) : trouble
}

function attempt(file: string, work: () => void): 'busy' | ProvenderError | undefined {
  try {
    work()
    return undefined
  } catch (thrown) {
    return explainSqlite(file, thrown)
  }
}

function prepare(file: string, database: DatabaseSync): void {
  if (!isOurs(database)) {
    // Nobody's yet: the first process marks it, the others find the mark.
    database.exec('begin immediate')
    try {
      if (!isOurs(database)) database.exec(`pragma application_id = ${applicationId}`)
      database.exec('commit')
    } finally {
      if (database.isTransaction) database.exec('rollback')
    }
  }
  database.exec('pragma journal_mode = wal')
  database.exec('pragma synchronous = full')
  if (isCutOff(file, database)) throw corrupt(file)

  function isOurs(db: DatabaseSync): boolean {
    if (single(db, 'pragma application_id') === BigInt(applicationId)) return true
    if (single(db, 'select count(*) from sqlite_schema') !== 0n) throw corrupt(file)
    return false
  }
}

/**
 * Whether a file lacks a part of itself. SQLite notices only when it comes to that part, and reads a page that is cut
 * off as zeros. A page may still lie in the log (somebody died in a checkpoint, or is in one), so that is emptied first.
 */
function isCutOff(file: string, database: DatabaseSync): boolean {
  if (!isShort(file)) return false
  const logged = database.prepare('pragma wal_checkpoint(passive)').get()
  const emptied = logged?.['busy'] === 0n && logged['log'] === logged['checkpointed']
  return (emptied && isShort(file)) || single(database, 'pragma quick_check(1)') !== 'ok'
}

/** Whether a file holds fewer bytes than the pages that its header counts. */
function isShort(file: string): boolean {
  const header = Buffer.alloc(32)
  const descriptor = openSync(file, 'r')
  try {
    if (readSync(descriptor, header, 0, header.length, 0) < header.length) return false
    const pageBytes = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16)
    return fstatSync(descriptor).size < pageBytes * header.readUInt32BE(28)
  } finally {
    closeSync(descriptor)
  }
}

function single(database: DatabaseSync, sql: string): unknown {
  const row = database.prepare(sql).get()
  return row === undefined ? undefined : Object.values(row)[0]
}
