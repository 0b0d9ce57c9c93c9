import { fromJs } from '../../codecs/from-js.ts'
import type { SourceDef } from '../../define/definition.ts'
import { createdColumn } from '../../define/resolved-view.ts'
import { takes } from '../../decide/source-row.ts'
import { assert } from '../../kernel/assert.ts'
import { type Call, checkCall } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import type { OfflineQuery, OfflineStore, QueryResult, SourceFacts, SpineInput } from '../../ports/offline.ts'
import type { Positioned, PushLog } from '../../ports/push-log.ts'
import type { InputRows, LogRows, SourceRows } from '../../query/relation.ts'
import { fieldsOf } from '../../query/relation.ts'
import type { Field } from '../../values/batch.ts'
import type { FeatureType } from '../../values/feature-type.ts'
import { type FileIdentity, sameFile } from '../../values/file-identity.ts'
import { tombstoneTie } from '../../values/order.ts'
import type { Value } from '../../values/value.ts'
import { type Rows, evaluate } from './evaluate.ts'

/** A table in memory that stands for a file of a source. */
export interface MemoryFile extends FileIdentity {
  readonly columns: readonly { readonly name: string; readonly type: FeatureType }[]
  readonly rows: readonly (readonly (Value | null)[])[]
}

/** The offline store in memory: sources are tables that stand for files; plans are evaluated row by row. */
export interface MemoryOffline extends OfflineStore {
  /** The files of each source, by name; change them as files would change. */
  readonly files: Map<string, MemoryFile[]>
}

/** Opens an offline store in memory over a push log. `sql` sources and Parquet are UNSUPPORTED. */
export function openMemoryOffline(log: PushLog): MemoryOffline {
  const files = new Map<string, MemoryFile[]>()
  let closed = false
  const open = (call?: Call): void => {
    if (closed) throw fail('CLOSED', 'The offline store is closed')
    checkCall(call)
  }
  return {
    can: { files: true, sql: false, parquet: false },
    files,
    async describe(sources, _all, call) {
      open(call)
      return sources.map((source) => describe(source, files.get(source.name) ?? []))
    },
    async query(query, call) {
      open(call)
      const records: Positioned[] = []
      for await (const found of log.changes({ from: 0n, before: await log.head(call) }, call)) records.push(found)
      const rows = evaluate(query.plan, (leaf) => {
        if (leaf.kind === 'source') return sourceRows(leaf, files.get(leaf.source.name) ?? [])
        if (leaf.kind === 'log') return logRows(leaf, records)
        if (leaf.kind === 'input') return spineRows(leaf, query)
        throw fail('UNSUPPORTED', `The memory engine evaluates no SQL: source ${leaf.source.name}`)
      })
      open(call)
      return resultOf(rows, query.watch, call)
    },
    async load(_source, _keys, call) {
      open(call)
      return null
    },
    async [Symbol.asyncDispose]() {
      closed = true
    },
  }
}

function describe(source: SourceDef, files: readonly MemoryFile[]): SourceFacts {
  if (source.type === 'push' || source.type === 'kafka') return { columns: pushColumns(source), files: [], rows: null }
  if (source.type === 'sql') throw fail('UNSUPPORTED', `The memory engine evaluates no SQL: source ${source.name}`)
  const sorted = files.toSorted((a, b) => (a.path < b.path ? -1 : 1))
  return {
    columns: sorted[0]?.columns ?? [],
    files: sorted.map(({ path, sizeBytes, mtimeUs, inode }) => ({ path, sizeBytes, mtimeUs, inode })),
    rows: sorted.reduce((sum, f) => sum + f.rows.length, 0),
  }
}

function pushColumns(source: Extract<SourceDef, { type: 'push' | 'kafka' }>): { name: string; type: FeatureType }[] {
  const columns = new Map(source.schema.map((c) => [c.name, c.type]))
  for (const time of [source.timestamp, createdColumn(source)])
    if (time !== null && !columns.has(time)) columns.set(time, 'timestamp')
  return [...columns].map(([name, type]) => ({ name, type }))
}

function sourceRows(leaf: SourceRows, files: readonly MemoryFile[]): Rows {
  const wanted = leaf.files
  const read = wanted === undefined ? files : files.filter((f) => wanted.some((w) => w.path === f.path))
  for (const file of wanted ?? []) {
    const now = files.find((f) => f.path === file.path)
    if (now === undefined || !sameFile(now, file))
      throw fail('SOURCE_CHANGED', `The file ${file.path} changed while it was read`)
  }
  const rows = read.flatMap((file) => {
    const pick = leaf.take.map((take) => {
      const i = file.columns.findIndex((c) => c.name === take.column)
      const type = file.columns[i]?.type
      if (type === undefined) throw fail('MISSING_COLUMN', `The file ${file.path} has no column "${take.column}"`)
      if (!takes(type, take.type))
        throw fail('TYPE_MISMATCH', `The column "${take.column}" of ${file.path} is ${type}, not ${take.type}`)
      return { i, type, as: take.type }
    })
    return file.rows.map((row) => pick.map((p) => widen(p.type, p.as, row[p.i] ?? null)))
  })
  return { fields: fieldsOf(leaf), rows }
}

function logRows(leaf: LogRows, records: readonly Positioned[]): Rows {
  const rows = records
    .filter(
      ({ position, record }) =>
        record.target.kind === leaf.target.kind &&
        record.target.name === leaf.target.name &&
        leaf.to.includes(record.to) &&
        position >= (leaf.from ?? 0n) &&
        (leaf.before === undefined || position < leaf.before),
    )
    .flatMap(({ position, record }) => {
      const pick = leaf.take.map((take) => {
        const i = record.columns.findIndex((c) => c.name === take.column && takes(c.type, take.type))
        return { i, type: record.columns[i]?.type, as: take.type }
      })
      return record.rows.map((row) => [
        ...pick.map((p) => (p.type === undefined ? null : widen(p.type, p.as, row.values[p.i] ?? null))),
        row.event,
        row.created,
        row.tie,
        position,
        row.tie === tombstoneTie,
      ])
    })
  return { fields: fieldsOf(leaf), rows }
}

/** int32 → int64 changes its form here, in lists too; the other widenings keep theirs. */
function widen(from: FeatureType, to: FeatureType, value: Value | null): Value | null {
  if (from === 'int32' && to === 'int64' && typeof value === 'number') return BigInt(value)
  if (from === 'list<int32>' && to === 'list<int64>' && Array.isArray(value))
    return value.map((element: Value | null) => widen('int32', 'int64', element))
  return value
}

function spineRows(leaf: InputRows, query: OfflineQuery): Rows {
  const spine = query.inputs?.get(leaf.name)
  assert(spine, `the query brings the input ${leaf.name}`)
  const columns = spineColumns(spine)
  const names = Object.keys(columns)
  for (const use of leaf.uses)
    if (!names.includes(use.name)) throw fail('MISSING_KEY', `The spine has no column "${use.name}"`)
  const used = new Map(leaf.uses.map((u) => [u.name, u.type]))
  const length = Math.max(0, ...names.map((n) => columns[n]?.length ?? 0))
  const fields: Field[] = names.map((name) => ({ name, type: used.get(name) ?? guess(columns[name] ?? []) }))
  const rows = Array.from({ length }, (_, i) =>
    fields.map((f) =>
      typeof f.type === 'string' ? fromJs(f.type, columns[f.name]?.[i] ?? null, `/spine/${f.name}/${i}`) : null,
    ),
  )
  const instants = leaf.uses.find((u) => u.type === 'timestamp')
  if (instants !== undefined) {
    const at = fields.findIndex((f) => f.name === instants.name)
    const empty = rows.flatMap((row, i) => (row[at] === null ? [i] : []))
    if (empty.length > 0)
      throw fail(
        'MISSING_TIMESTAMP',
        `${empty.length} spine rows have no "${instants.name}"; the first is row ${empty[0]}`,
      )
  }
  return { fields, rows }
}

function spineColumns(spine: SpineInput): Record<string, readonly unknown[]> {
  if (spine.kind === 'columns') return spine.columns
  if (spine.kind !== 'rows')
    throw fail('UNSUPPORTED', `The memory engine takes a spine as rows or columns, not as ${spine.kind}`)
  const names = [...new Set(spine.rows.flatMap((row) => Object.keys(row)))]
  return Object.fromEntries(names.map((name) => [name, spine.rows.map((row) => row[name] ?? null)]))
}

function guess(values: readonly unknown[]): FeatureType {
  const some = values.find((v) => v !== null && v !== undefined)
  if (typeof some === 'boolean') return 'bool'
  if (typeof some === 'bigint') return 'int64'
  if (typeof some === 'number')
    return values.every((v) => v === null || v === undefined || Number.isInteger(v)) ? 'int64' : 'float64'
  return some instanceof Date ? 'timestamp' : 'string'
}

function resultOf(rows: Rows, watch: OfflineQuery['watch'], call?: Call): QueryResult {
  const batchRows = 1000
  let read = 0
  watch?.(() => (rows.rows.length === 0 ? null : read / rows.rows.length))
  return {
    fields: rows.fields,
    async *batches() {
      for (let from = 0; from < rows.rows.length; from += batchRows) {
        checkCall(call)
        read = Math.min(from + batchRows, rows.rows.length)
        const slice = rows.rows.slice(from, from + batchRows)
        yield {
          fields: rows.fields,
          columns: rows.fields.map((_, j) => slice.map((row) => row[j] ?? null)),
          rows: slice.length,
        }
      }
    },
    writeParquet: () => Promise.reject(fail('UNSUPPORTED', 'The memory engine writes no Parquet')),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}
