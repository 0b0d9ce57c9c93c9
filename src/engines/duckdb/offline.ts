import { availableParallelism, totalmem } from 'node:os'
import { join } from 'node:path'
import { type Call, checkCall } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import type { OfflineStore } from '../../ports/offline.ts'
import { duckdbCan } from './can.ts'
import { describeSources } from './describe.ts'
import { Engine } from './engine.ts'
import { sweepSpills } from './instance.ts'
import type { FilePushLog } from './push-log/push-log.ts'
import { startQuery } from './query.ts'

/** Where an offline store lies and what it may take. */
export interface DuckdbOptions {
  /** The offline folder, absolute; what does not fit in memory spills beneath it. */
  readonly dir: string
  /** Relative source paths are relative to it. */
  readonly repositoryDir: string
  /** The push log whose rows queries see; null: none. It is closed by its owner, after this store. */
  readonly log: FilePushLog | null
  /** Default: all cores. */
  readonly threads?: number
  /** Of the shared instance; half as much for each query with user SQL. Default: 40 % of the machine. */
  readonly memoryBytes?: number
  /** How many processes of one server share the machine. Default: 1. */
  readonly processes?: number
}

const memoryShare = 0.4

/**
 * Opens the offline store on DuckDB: sources are read where they lie, nothing is written but what does not fit in memory.
 * Several processes may open one folder.
 */
export async function openDuckdbOffline(options: DuckdbOptions): Promise<OfflineStore> {
  const tempDir = join(options.dir, 'temp')
  await sweepSpills(tempDir)
  const engine = new Engine({
    tempDir,
    repositoryDir: options.repositoryDir,
    limits: {
      threads: options.threads ?? availableParallelism(),
      memoryBytes: options.memoryBytes ?? (totalmem() * memoryShare) / (options.processes ?? 1),
    },
    log: options.log,
  })
  let closed = false
  const checkOpen = (call: Call | undefined): void => {
    if (closed) throw fail('CLOSED', 'The offline store is closed')
    checkCall(call)
  }
  return {
    can: duckdbCan,
    describe: async (sources, all, call) => {
      checkOpen(call)
      return describeSources(engine, sources, all, call)
    },
    query: async (query, call) => {
      checkOpen(call)
      return startQuery(engine, query, call)
    },
    load: async (_source, _keys, call) => {
      checkOpen(call)
      return null
    },
    [Symbol.asyncDispose]: () => {
      closed = true
      return engine[Symbol.asyncDispose]()
    },
  }
}
