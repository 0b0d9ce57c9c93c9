import type { DuckDBConnection } from '@duckdb/node-api'
import { join } from 'node:path'
import { type Call, checkCall } from '../../../kernel/call.ts'
import { type KeptClaim, checkpointClaims, checkpointFiles, checkpointKeys, writeCheckpoint } from './checkpoint.ts'
import { listedLetters } from './dead-letters.ts'
import { numberedName, syncFolder } from './log-folder.ts'
import type { LogIndex } from './log-index.ts'
import { type LogView, forgotten } from './log-state.ts'
import { type Manifest, type RowFile, purgedBelow, swapManifest } from './manifest.ts'
import { startOf } from './position.ts'
import { decodeRecord } from './record-codec.ts'
import { allColumns, writeRowFile } from './row-file.ts'
import { RowTable } from './row-table.ts'
import { segmentRecords } from './segment-records.ts'
import { columnsText, storedOwn } from './stored-column.ts'

/** Segments that are sealed together, with one checkpoint. */
const segmentsAtOnce = 8

/** What sealing works on. */
export interface Sealing {
  readonly index: LogIndex
  readonly connection: DuckDBConnection
  readonly call: Call | undefined
}

/** Puts the oldest finished segments into row files and a checkpoint; answers whether there may be more. */
export async function sealSegments(sealing: Sealing): Promise<boolean> {
  const { index } = sealing
  const view = await index.refresh()
  const from = await index.manifest()
  const { manifest } = from
  const through = Math.min(view.end.segment - 1, manifest.sealedThrough + segmentsAtOnce)
  if (through <= manifest.sealedThrough) return false
  const files: RowFile[] = []
  const replaced: string[] = []
  for (let segment = manifest.sealedThrough + 1; segment <= through; segment++) {
    files.push(...(await rowsOf(sealing, { manifest, view, segment })))
    replaced.push(join('segments', numberedName(segment, '.log')))
  }
  await syncFolder(index.folder.rows)
  const log = { manifest, view, through }
  const checkpoint = await writeCheckpoint(index.folder, manifest, { claims: heldClaims(index, log), letters: listedLetters(index, log) })
  await syncFolder(index.folder.checkpoints)
  if (manifest.checkpoint !== null) replaced.push(...checkpointFiles(manifest.checkpoint))
  const atMs = Date.now()
  const swapped = await swapManifest(index.folder, from, {
    ...manifest,
    sealedThrough: through,
    checkpoint,
    files: [...manifest.files, ...files],
    replaced: [...manifest.replaced, ...replaced.map((path) => ({ path, atMs }))],
  })
  return swapped !== undefined
}

/** Writes the rows of one segment, a file for each target. */
async function rowsOf({ index, connection, call }: Sealing, { manifest, view, segment }: { readonly manifest: Manifest; readonly view: LogView; readonly segment: number }): Promise<RowFile[]> {
  const tables = new Map<string, { readonly target: RowFile['target']; readonly byColumns: Map<string, RowTable> }>()
  const all: RowTable[] = []
  for await (const { position, head, bytes } of segmentRecords(index, view, { from: startOf(segment), before: startOf(segment + 1) })) {
    if (!head.rows || purgedBelow(manifest, head.target) > position) continue
    checkCall(call)
    const record = decodeRecord(bytes)
    const name = `${head.target.kind} ${head.target.name}`
    const of = tables.get(name) ?? { target: head.target, byColumns: new Map<string, RowTable>() }
    tables.set(name, of)
    const columns = columnsText(record.columns)
    const table = of.byColumns.get(columns) ?? (await RowTable.create(connection, `rows ${segment} ${all.length}`, record.columns))
    if (!of.byColumns.has(columns)) all.push(table)
    of.byColumns.set(columns, table)
    table.add(position, record)
  }
  for (const table of all) table.close()
  const files: RowFile[] = []
  for (const { target, byColumns } of tables.values()) {
    checkCall(call)
    const parts = [...byColumns.values()]
    const sql = `${parts.map((table) => table.storedSql()).join(' UNION ALL BY NAME ')} ORDER BY ${storedOwn.position}, ${storedOwn.row}`
    const file = await writeRowFile(connection, index.folder, { target, sql, columns: allColumns(parts), negativeZeros: parts.some((table) => table.negativeZeros) })
    if (file !== null) files.push(file)
  }
  for (const table of all) await table.drop(connection)
  return files
}

/** The idempotency records that still hold their keys at the end of a segment. */
async function* heldClaims(index: LogIndex, { manifest, view, through }: { readonly manifest: Manifest; readonly view: LogView; readonly through: number }): AsyncGenerator<KeptClaim> {
  const range = { from: startOf(manifest.sealedThrough + 1), before: startOf(through + 1) }
  const held = new Map<string, bigint>()
  let newestUs = 0n
  const note = (key: string, position: bigint, atUs: bigint): void => {
    held.set(key, position)
    if (atUs > newestUs) newestUs = atUs
  }
  for await (const { key, holder } of checkpointKeys(index.folder, manifest)) note(key, holder.position, holder.atUs)
  for await (const { position, head } of segmentRecords(index, view, range)) if (head.claim !== null) note(head.claim.key, position, head.claim.atUs)
  const holds = (key: string, position: bigint, atUs: bigint): boolean => held.get(key) === position && !forgotten(atUs, newestUs)
  for await (const kept of checkpointClaims(index.folder, manifest)) if (holds(kept.claim.key, kept.position, kept.claim.atUs)) yield kept
  for await (const { position, head, bytes } of segmentRecords(index, view, range)) {
    if (head.claim === null || !holds(head.claim.key, position, head.claim.atUs)) continue
    const { idempotency } = decodeRecord(bytes)
    if (idempotency !== undefined) yield { position, claim: idempotency }
  }
}
