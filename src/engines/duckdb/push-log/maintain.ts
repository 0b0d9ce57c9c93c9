import type { DuckDBConnection } from '@duckdb/node-api'
import { readdir, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { type Call, checkCall } from '../../../kernel/call.ts'
import type { PushLog } from '../../../ports/push-log.ts'
import { sweepSpills } from '../instance.ts'
import { checkpointFiles } from './checkpoint.ts'
import type { GroupCommit } from './group-commit.ts'
import { codeOf, deleteFile, segmentPath } from './log-folder.ts'
import type { LogIndex } from './log-index.ts'
import type { LogLimits } from './log-limits.ts'
import { takeMaintenance } from './maintenance-lease.ts'
import { purgedBelow, sameTarget, swapManifest } from './manifest.ts'
import { mergeFiles } from './merge.ts'
import { type Connect, RowDatabase } from './row-database.ts'
import { sealSegments } from './seal.ts'

/** What maintenance works on. */
export interface Maintenance {
  readonly index: LogIndex
  readonly commit: GroupCommit
  readonly limits: LogLimits
}

/** Purges, seals, merges and deletes what was replaced long ago. Each step ends with a manifest that takes the place of the last, so it may be killed anywhere. */
export async function maintainLog(
  log: Maintenance,
  task: Parameters<PushLog['maintain']>[0],
  call: Call | undefined,
): Promise<void> {
  const { index, limits } = log
  await using lease = await takeMaintenance(index.folder)
  if (lease === undefined) return
  await notePurges(index, task.purge)
  if (await isWorthSealing(log)) await log.commit.seal()
  // Only what is finished now: writers may be faster than this, and maintenance has to end.
  const upTo = (await index.refresh()).end.segment - 1
  await using database = new RowDatabase(index.folder.unfinished)
  // One connection for all, closed with its DuckDB.
  let connection: Promise<DuckDBConnection> | undefined
  const connect: Connect = async () => (connection ??= database.connect())
  while (await sealSegments({ index, connect, call }, upTo)) checkCall(call)
  while (await mergeFiles(index, connect, limits)) checkCall(call)
  await deleteReplaced(index, limits.keepReplacedMs)
  await deleteStrays(index, limits.keepReplacedMs)
  await sweepSpills(index.folder.unfinished)
}

async function notePurges(index: LogIndex, purge: Parameters<PushLog['maintain']>[0]['purge']): Promise<void> {
  for (;;) {
    const from = await index.manifest()
    const fresh = purge.filter(({ target, below }) => below > purgedBelow(from.manifest, target))
    if (fresh.length === 0) return
    const purges = [
      ...from.manifest.purges.filter((old) => !fresh.some(({ target }) => sameTarget(target, old.target))),
      ...fresh,
    ]
    await swapManifest(index.folder, from, { ...from.manifest, purges })
  }
}

async function isWorthSealing({ index, limits }: Maintenance): Promise<boolean> {
  const { end } = await index.refresh()
  if (end.offset === 0) return false
  if (end.offset >= limits.sealBytes) return true
  const { birthtimeMs } = await stat(segmentPath(index.folder, end.segment))
  return Date.now() - birthtimeMs >= limits.sealAfterMs
}

async function deleteReplaced(index: LogIndex, keepMs: number): Promise<void> {
  const from = await index.manifest()
  const old = from.manifest.replaced.filter(({ atMs }) => Date.now() - atMs >= keepMs)
  if (old.length === 0) return
  for (const { path } of old) await deleteFile(join(index.folder.path, path))
  await swapManifest(index.folder, from, {
    ...from.manifest,
    replaced: from.manifest.replaced.filter((each) => !old.includes(each)),
  })
}

/** Deletes files that a killed process left behind, and those that a stray writer made in the place of deleted ones. */
async function deleteStrays(index: LogIndex, keepMs: number): Promise<void> {
  const { folder } = index
  const { manifest } = await index.manifest()
  const known = new Set([
    ...manifest.files.map(({ name }) => join('rows', name)),
    ...(manifest.checkpoint === null ? [] : checkpointFiles(manifest.checkpoint)),
    ...manifest.replaced.map(({ path }) => path),
  ])
  for (const part of [folder.rows, folder.checkpoints, folder.segments, folder.unfinished]) {
    for (const entry of await readdir(part, { withFileTypes: true })) {
      const path = join(part, entry.name)
      if (!entry.isFile() || known.has(relative(folder.path, path))) continue
      if (part === folder.segments && Number.parseInt(entry.name, 10) > manifest.sealedThrough) continue
      // Whoever tries for the lease, or ends a write, takes its own away meanwhile.
      const facts = await stat(path).catch(unlessMissing)
      if (facts !== undefined && Date.now() - facts.mtimeMs >= keepMs) await deleteFile(path)
    }
  }
}

function unlessMissing(thrown: unknown): undefined {
  if (codeOf(thrown) !== 'ENOENT') throw thrown
}
