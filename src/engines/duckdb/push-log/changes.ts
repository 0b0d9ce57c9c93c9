import type { LogRange, Positioned } from '../../../ports/push-log.ts'
import type { LogTarget } from '../../../query/relation.ts'
import { codeOf } from './log-folder.ts'
import type { LogIndex } from './log-index.ts'
import { type Manifest, purgedBelow, sameTarget } from './manifest.ts'
import { startOf } from './position.ts'
import { decodeRecord } from './record-codec.ts'
import type { Connect } from './row-database.ts'
import { segmentRecords } from './segment-records.ts'

/** How often a reading goes on after files that it needs were replaced and deleted: an hour passes between those two. */
const attempts = 10

/** The records that have rows and count, in a range, in log order: of sealed segments from row files, of later ones as they came. */
export async function* changes(index: LogIndex, connect: Connect, range: LogRange): AsyncGenerator<Positioned> {
  let { from } = range
  for (let attempt = 1; ; attempt++) {
    try {
      for await (const each of readOnce(index, connect, { ...range, from })) {
        yield each
        from = each.position + 1n
      }
      return
    } catch (thrown) {
      if (attempt === attempts || !isMissingFile(thrown)) throw thrown
    }
  }
}

async function* readOnce(index: LogIndex, connect: Connect, range: LogRange): AsyncGenerator<Positioned> {
  const { targets } = range
  const isWanted = (target: LogTarget): boolean =>
    targets === undefined || targets.some((each) => sameTarget(each, target))
  const view = await index.refresh()
  const { manifest } = await index.manifest()
  const unsealed = startOf(manifest.sealedThrough + 1)
  const files = manifest.files.filter(
    (file) => isWanted(file.target) && file.before > range.from && file.from < range.before,
  )
  if (files.length > 0) {
    const { sealedRecords } = await import('./sealed-records.ts')
    for await (const each of sealedRecords(connect, index.folder, files, range)) if (isKept(manifest, each)) yield each
  }
  const from = range.from > unsealed ? range.from : unsealed
  for await (const { position, head, bytes } of segmentRecords(index, view, { ...range, from })) {
    if (!head.rows || !isWanted(head.target) || purgedBelow(manifest, head.target) > position) continue
    const { target, to, columns, rows } = decodeRecord(bytes)
    yield { position, record: { target, to, columns, rows, deadLetters: [], replayed: [] } }
  }
}

const isKept = (manifest: Manifest, { position, record }: Positioned): boolean =>
  position >= purgedBelow(manifest, record.target)

/** Whether a file was deleted before it was opened, by the words of the system or of DuckDB. */
export const isMissingFile = (thrown: unknown): boolean =>
  codeOf(thrown) === 'ENOENT' ||
  (thrown instanceof Error && /No files found that match the pattern/.test(thrown.message))
