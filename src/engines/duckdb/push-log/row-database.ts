import type { DuckDBConnection } from '@duckdb/node-api'
import { type Instance, allowSpill, closeInstance, openInstance } from '../instance.ts'

/** Gives a connection to a DuckDB. */
export type Connect = () => Promise<DuckDBConnection>

/** What a DuckDB that only reads and writes row files may take. */
const instanceLimits = Object.freeze({ threads: 2, memoryBytes: 512 * 1024 * 1024 })

/** A DuckDB for row files, opened when it is first needed. */
export class RowDatabase implements AsyncDisposable {
  readonly #spillDir: string
  #instance: Promise<Instance> | undefined

  /** @param spillDir Where it may put what does not fit in memory. */
  constructor(spillDir: string) {
    this.#spillDir = spillDir
  }

  /** A new connection; who asks for it closes it. */
  async connect(): Promise<DuckDBConnection> {
    this.#instance ??= openInstance(this.#spillDir, instanceLimits)
    const instance = await this.#instance
    const connection = await instance.db.connect()
    await allowSpill(instance, connection)
    return connection
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const instance = await this.#instance?.catch(() => undefined)
    this.#instance = undefined
    if (instance !== undefined) await closeInstance(instance)
  }
}
