import { join } from 'node:path'
import { syncFolder } from './log-folder.ts'
import type { LogIndex } from './log-index.ts'
import type { LogLimits } from './log-limits.ts'
import { type Manifest, type RowFile, purgedBelow, swapManifest } from './manifest.ts'
import type { Connect } from './row-database.ts'
import { allColumns, parquetTable, writeRowFile } from './row-file.ts'
import { storedOwn } from './stored-column.ts'

/** A merged file has at most this many times the size of the largest that is merged. */
const growth = 4

/** Merges small row files of one target, and takes purged rows out; answers whether there may be more to do. */
export async function mergeFiles(index: LogIndex, connect: Connect, limits: LogLimits): Promise<boolean> {
  const from = await index.manifest()
  const { manifest } = from
  const group = nextGroup(manifest, limits)
  const [first] = group
  if (first === undefined) return false
  const below = purgedBelow(manifest, first.target)
  const kept = group.filter((file) => file.before > below)
  // Files of one target follow one another without overlap, so their rows do too.
  const sql = kept
    .map(
      (file) =>
        `SELECT * FROM ${parquetTable([join(index.folder.rows, file.name)])} WHERE ${storedOwn.position} >= ${below}`,
    )
    .join(' UNION ALL BY NAME ')
  const rows = {
    target: first.target,
    sql,
    columns: allColumns(kept),
    negativeZeros: kept.some((file) => file.negativeZeros),
  }
  const merged = kept.length === 0 ? null : await writeRowFile(await connect(), index.folder, rows)
  await syncFolder(index.folder.rows)
  const atMs = Date.now()
  const swapped = await swapManifest(index.folder, from, {
    ...manifest,
    files: [...manifest.files.filter((file) => !group.includes(file)), ...(merged === null ? [] : [merged])],
    replaced: [...manifest.replaced, ...group.map(({ name }) => ({ path: join('rows', name), atMs }))],
  })
  return swapped !== undefined
}

/** Files of one target, next to one another, that should become one; or one with purged rows. */
function nextGroup(manifest: Manifest, limits: LogLimits): readonly RowFile[] {
  const targets = Map.groupBy(manifest.files, ({ target }) => `${target.kind} ${target.name}`)
  for (const files of targets.values()) {
    const purged = files.find((file) => file.from < purgedBelow(manifest, file.target))
    if (purged !== undefined) return [purged]
    let run: RowFile[] = []
    for (const file of files.toSorted((a, b) => (a.from < b.from ? -1 : 1))) {
      const bytes = run.reduce((sum, each) => sum + each.bytes, file.bytes)
      if (file.bytes > limits.mergeBytes || bytes > growth * limits.mergeBytes) {
        if (run.length >= limits.mergeFiles) return run
        run = []
      }
      if (file.bytes <= limits.mergeBytes) run.push(file)
    }
    if (run.length >= limits.mergeFiles) return run
  }
  return []
}
