import type { DuckDBConnection } from '@duckdb/node-api'
import { fail } from '../../../kernel/errors.ts'
import type { LogTarget } from '../../../query/relation.ts'
import type { LogIndex } from './log-index.ts'
import type { LogView } from './log-state.ts'
import { sameTarget } from './manifest.ts'
import { placeOf, positionOf, startOf } from './position.ts'
import { decodeRecord } from './record-codec.ts'
import { RowTable } from './row-table.ts'
import { segmentRecords } from './segment-records.ts'
import { columnsText } from './stored-column.ts'

/** Rows of one target and one segment, in a table of a DuckDB. */
interface TailTable {
  readonly segment: number
  readonly rows: RowTable
  /** Queries that may still read it. */
  users: number
}

/** What was loaded of one target. */
interface Tail {
  readonly target: LogTarget
  /** All below it is loaded. */
  next: bigint
  readonly tables: TailTable[]
}

/** The log as one query sees it. */
interface Unsealed {
  readonly view: LogView
  readonly sealedThrough: number
}

/** What a query may read until it releases it. */
export interface HeldTail {
  readonly tables: readonly RowTable[]
  readonly release: () => Promise<void>
}

/**
 * Unsealed rows in tables of one DuckDB: read once, then only what is new. A table lives until its segment is in row files and
 * no query that was told of it is left.
 */
export class TailTables {
  readonly #index: LogIndex
  readonly #connection: DuckDBConnection
  readonly #tails = new Map<string, Tail>()
  #sealedThrough = 0
  #tables = 0
  #loading: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(index: LogIndex, connection: DuckDBConnection) {
    this.#index = index
    this.#connection = connection
  }

  /** Loads a target's rows of segments behind the sealed ones, as far as a view of the log reaches; `check` ends it early by throwing. */
  async hold(target: LogTarget, log: Unsealed, check: () => void): Promise<HeldTail> {
    const loading = this.#loading.then(async () => this.#load(target, log, check))
    this.#loading = loading.catch(() => undefined)
    return loading
  }

  /** Forgets everything; what is released later is gone already. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const { tables } of this.#tails.values()) for (const { rows } of tables) rows.close()
    this.#connection.closeSync()
  }

  async #load(target: LogTarget, { view, sealedThrough }: Unsealed, check: () => void): Promise<HeldTail> {
    if (this.#closed) throw fail('CLOSED', 'The DuckDB with the push log is closed')
    const name = `${target.kind} ${target.name}`
    const tail: Tail = this.#tails.get(name) ?? { target, next: 0n, tables: [] }
    this.#tails.set(name, tail)
    const [end, unsealed] = [positionOf(view.end), startOf(sealedThrough + 1)]
    if (tail.next < unsealed) tail.next = unsealed
    for await (const { position, head, bytes } of segmentRecords(this.#index, view, { from: tail.next, before: end })) {
      if (!head.rows || !sameTarget(head.target, target)) continue
      check()
      const record = decodeRecord(bytes)
      const { rows } = await this.#tableOf(tail, placeOf(position).segment, record.columns)
      rows.add(position, record)
      tail.next = position + 1n
    }
    if (tail.next < end) tail.next = end
    const held = tail.tables.filter(({ segment }) => segment > sealedThrough)
    for (const table of held) {
      table.rows.flush()
      table.users++
    }
    if (sealedThrough > this.#sealedThrough) this.#sealedThrough = sealedThrough
    await this.#dropSealed()
    let released = false
    return {
      tables: held.map(({ rows }) => rows),
      release: async () => {
        if (released) return
        released = true
        for (const table of held) table.users--
        const dropping = this.#loading.then(async () => this.#dropSealed())
        this.#loading = dropping.catch(() => undefined)
        await dropping
      },
    }
  }

  async #tableOf(tail: Tail, segment: number, columns: RowTable['columns']): Promise<TailTable> {
    const text = columnsText(columns)
    const found = tail.tables.find((table) => table.segment === segment && columnsText(table.rows.columns) === text)
    if (found !== undefined) return found
    const made = { segment, rows: await RowTable.create(this.#connection, `_log ${this.#tables++}`, columns), users: 0 }
    tail.tables.push(made)
    return made
  }

  async #dropSealed(): Promise<void> {
    if (this.#closed) return
    for (const tail of this.#tails.values()) {
      for (const table of tail.tables.filter(({ segment, users }) => segment <= this.#sealedThrough && users === 0)) {
        tail.tables.splice(tail.tables.indexOf(table), 1)
        table.rows.close()
        await table.rows.drop(this.#connection)
      }
    }
  }
}
