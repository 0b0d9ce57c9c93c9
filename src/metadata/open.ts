import type { Clock } from '../kernel/clock.ts'
import type { Registry } from '../ports/registry.ts'
import type { RunLog } from '../ports/run-log.ts'
import { openDatabase } from './database.ts'
import type { SqlEngine } from './engine.ts'
import { migrate } from './migrations.ts'
import { sqlRegistry } from './registry.ts'
import { sqlRunLog } from './run-log.ts'

/** The metadata ports over one store. Disposing it disposes both. */
export interface Metadata extends AsyncDisposable {
  readonly registry: Registry
  readonly runLog: RunLog
}

/**
 * Opens the metadata ports over a SQL database, which it owns from now on: its connections end when both ports are
 * disposed. `clock` is the domain's; leases go by the machine's own.
 * @throws UNSUPPORTED for a store of a later release; CORRUPT_STORE; STORE_UNREACHABLE.
 */
export async function openMetadata(engine: SqlEngine, clock: Clock): Promise<Metadata> {
  const database = openDatabase(engine)
  try {
    await migrate(database)
  } catch (thrown) {
    await database[Symbol.asyncDispose]()
    throw thrown
  }
  let users = 2
  const release = async (): Promise<void> => {
    users -= 1
    if (users === 0) await database[Symbol.asyncDispose]()
  }
  const registry = sqlRegistry(database, clock, release)
  const runLog = sqlRunLog(database, clock, release)
  return Object.freeze({
    registry,
    runLog,
    [Symbol.asyncDispose]: async (): Promise<void> => {
      await registry[Symbol.asyncDispose]()
      await runLog[Symbol.asyncDispose]()
    },
  })
}
