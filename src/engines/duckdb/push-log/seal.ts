import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Call, checkCall } from '../../../kernel/call.ts'
import type { Connect } from './row-database.ts'
import { type KeptClaim, checkpointClaims, checkpointFiles, checkpointKeys, writeCheckpoint } from './checkpoint.ts'
import { listedLetters } from './dead-letters.ts'
import { numberedName, segmentPath, syncFolder } from './log-folder.ts'
import type { LogIndex } from './log-index.ts'
import { type LogView, forgotten } from './log-state.ts'
import { type Manifest, type RowFile, purgedBelow, swapManifest } from './manifest.ts'
import { startOf } from './position.ts'
import { decodeRecord } from './record-codec.ts'
import { allColumns, writeRowFile } from './row-file.ts'
import { RowTable } from './row-table.ts'
import { segmentRecords } from './segment-records.ts'
import { columnsText, storedOwn } from './stored-column.ts'

/** Bytes of segments that are sealed together, into the same row files and one checkpoint; a single segment may be larger. */
const bytesAtOnce = 64 * 1024 * 1024

/** What sealing works on. */
export interface Sealing {
  readonly index: LogIndex
  readonly connect: Connect
  readonly call: Call | undefined
}

/** Puts the oldest finished segments, up to one of them, into row files and a checkpoint; answers whether there may be more. */
export async function sealSegments(sealing: Sealing, upTo: number): Promise<boolean> {
  const { index } = sealing
  const view = await index.refresh()
  const from = await index.manifest()
  const { manifest } = from
  const through = await lastSegment(index, manifest, Math.min(upTo, view.end.segment - 1))
  if (through <= manifest.sealedThrough) return false
  const log = { manifest, view, through }
  const files = await rowsOf(sealing, log)
  await syncFolder(index.folder.rows)
  const replaced = Array.from({ length: through - manifest.sealedThrough }, (_, i) =>
    join('segments', numberedName(manifest.sealedThrough + 1 + i, '.log')),
  )
  const checkpoint = await writeCheckpoint(index.folder, manifest, {
    claims: heldClaims(index, log),
    letters: listedLetters(index, log),
  })
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

/** What is sealed: all that the manifest has not sealed, through a segment. */
interface Sealed {
  readonly manifest: Manifest
  readonly view: LogView
  readonly through: number
}

/** The last of the segments that are sealed together. */
async function lastSegment(index: LogIndex, { sealedThrough }: Manifest, upTo: number): Promise<number> {
  let bytes = 0
  for (let segment = sealedThrough + 1; segment <= upTo; segment++) {
    bytes += (await stat(segmentPath(index.folder, segment))).size
    if (bytes > bytesAtOnce && segment > sealedThrough + 1) return segment - 1
  }
  return upTo
}

const rangeOf = ({ manifest, through }: Sealed): { from: bigint; before: bigint } => ({
  from: startOf(manifest.sealedThrough + 1),
  before: startOf(through + 1),
})

/** Writes the rows, a file for each target. */
async function rowsOf({ index, connect, call }: Sealing, sealed: Sealed): Promise<RowFile[]> {
  const connection = await connect()
  const tables = new Map<string, { readonly target: RowFile['target']; readonly byColumns: Map<string, RowTable> }>()
  const all: RowTable[] = []
  for await (const { position, head, bytes } of segmentRecords(index, sealed.view, rangeOf(sealed))) {
    if (!head.rows || purgedBelow(sealed.manifest, head.target) > position) continue
    checkCall(call)
    const record = decodeRecord(bytes)
    const name = `${head.target.kind} ${head.target.name}`
    const of = tables.get(name) ?? { target: head.target, byColumns: new Map<string, RowTable>() }
    tables.set(name, of)
    const columns = columnsText(record.columns)
    const table = of.byColumns.get(columns) ?? (await RowTable.create(connection, `rows ${all.length}`, record.columns))
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
    const file = await writeRowFile(connection, index.folder, {
      target,
      sql,
      columns: allColumns(parts),
      negativeZeros: parts.some((table) => table.negativeZeros),
    })
    if (file !== null) files.push(file)
  }
  for (const table of all) await table.drop(connection)
  return files
}

/** The idempotency records that still hold their keys at the end of a segment. */
async function* heldClaims(index: LogIndex, sealed: Sealed): AsyncGenerator<KeptClaim> {
  const { manifest, view } = sealed
  const range = rangeOf(sealed)
  const held = new Map<string, bigint>()
  let newestUs = 0n
  const note = (key: string, position: bigint, atUs: bigint): void => {
    held.set(key, position)
    if (atUs > newestUs) newestUs = atUs
  }
  for await (const { key, holder } of checkpointKeys(index.folder, manifest)) note(key, holder.position, holder.atUs)
  for await (const { position, head } of segmentRecords(index, view, range))
    if (head.claim !== null) note(head.claim.key, position, head.claim.atUs)
  const holds = (key: string, position: bigint, atUs: bigint): boolean =>
    held.get(key) === position && !forgotten(atUs, newestUs)
  for await (const kept of checkpointClaims(index.folder, manifest))
    if (holds(kept.claim.key, kept.position, kept.claim.atUs)) yield kept
  for await (const { position, head, bytes } of segmentRecords(index, view, range)) {
    if (head.claim === null || !holds(head.claim.key, position, head.claim.atUs)) continue
    const { idempotency } = decodeRecord(bytes)
    if (idempotency !== undefined) yield { position, claim: idempotency }
  }
}
