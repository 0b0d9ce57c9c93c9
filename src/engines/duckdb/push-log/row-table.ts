import {
  BIGINT,
  type DuckDBAppender,
  type DuckDBConnection,
  DuckDBDataChunk,
  INTEGER,
  VARCHAR,
  type DuckDBValue,
} from '@duckdb/node-api'
import type { LogRecord } from '../../../ports/push-log.ts'
import { tombstoneTie } from '../../../values/order.ts'
import { ident, quote } from '../dialect.ts'
import {
  type StoredColumn,
  appendedSql,
  appendedType,
  appendedTypeName,
  columnsText,
  hasNegativeZero,
  storedName,
  storedOwn,
  toAppended,
} from './stored-column.ts'

/** Rows of one chunk of DuckDB. */
const chunkRows = 2048
const ownTypes = [BIGINT, INTEGER, BIGINT, BIGINT, BIGINT, VARCHAR]

/**
 * A table in a DuckDB that records with the same columns are appended to. Columns: p (position), r (row in its record),
 * e, c (instants as numbers), t (tie), w (to), then c0, c1, …
 */
export class RowTable {
  readonly name: string
  readonly columns: readonly StoredColumn[]
  readonly #appender: DuckDBAppender
  readonly #chunk: DuckDBDataChunk
  readonly #pending: DuckDBValue[][]
  /** Whether any value is −0, which the dictionaries of DuckDB's Parquet files cannot tell from 0. */
  negativeZeros = false
  rows = 0

  private constructor(name: string, columns: readonly StoredColumn[], appender: DuckDBAppender) {
    this.name = name
    this.columns = columns
    this.#appender = appender
    this.#chunk = DuckDBDataChunk.create([...ownTypes, ...columns.map((column) => appendedType(column.type))])
    this.#pending = Array.from({ length: ownTypes.length + columns.length }, () => [])
  }

  static async create(connection: DuckDBConnection, name: string, columns: readonly StoredColumn[]): Promise<RowTable> {
    const own = ['p BIGINT', 'r INTEGER', 'e BIGINT', 'c BIGINT', 't BIGINT', 'w VARCHAR']
    await connection.run(
      `CREATE TABLE ${ident(name)} (${[...own, ...columns.map(({ type }, i) => `c${i} ${appendedTypeName(type)}`)].join(', ')})`,
    )
    return new RowTable(name, columns, await connection.createAppender(name))
  }

  /** Adds a record's rows; they are in the table after `flush`. */
  add(position: bigint, { to, columns, rows }: LogRecord): void {
    for (const [number, row] of rows.entries()) {
      const own = [position, number, row.event, row.created, row.tie, to]
      for (const [i, value] of own.entries()) this.#pending[i]?.push(value)
      for (const [i, { type }] of columns.entries()) {
        const value = row.values[i] ?? null
        this.#pending[own.length + i]?.push(toAppended(type, value))
        this.negativeZeros ||= hasNegativeZero(value)
      }
      this.rows++
      if (this.#pending[0]?.length === chunkRows) this.#append()
    }
  }

  /** Makes all added rows visible to later statements on any connection. */
  flush(): void {
    this.#append()
    this.#appender.flushSync()
  }

  /** Ends the appending; the rows stay. */
  close(): void {
    this.#append()
    this.#appender.closeSync()
  }

  async drop(connection: DuckDBConnection): Promise<void> {
    await connection.run(`DROP TABLE ${ident(this.name)}`)
  }

  /** SQL of a stored column. */
  columnSql(column: StoredColumn): string {
    return appendedSql(
      `c${this.columns.findIndex(({ name, type }) => name === column.name && type === column.type)}`,
      column.type,
    )
  }

  /** SQL of the rows as they stand in Parquet files. */
  storedSql(): string {
    const { position, row, event, created, tie, tombstone, to, columns } = storedOwn
    const own = `p AS ${position}, r AS ${row}, make_timestamp(e) AS ${event}, make_timestamp(c) AS ${created}, t AS ${tie}, t = ${tombstoneTie} AS ${tombstone}, w AS ${to}, ${quote(columnsText(this.columns))} AS ${columns}`
    return `SELECT ${[own, ...this.columns.map((column) => `${this.columnSql(column)} AS ${ident(storedName(column))}`)].join(', ')} FROM ${ident(this.name)}`
  }

  #append(): void {
    if (this.#pending[0]?.length === 0) return
    this.#chunk.reset()
    this.#chunk.setColumns(this.#pending)
    this.#appender.appendDataChunk(this.#chunk)
    for (const column of this.#pending) column.length = 0
  }
}
