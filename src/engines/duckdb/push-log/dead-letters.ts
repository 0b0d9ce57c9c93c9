import type { DeadLetter } from '../../../ports/dead-letters.ts'
import { type KeptLetter, checkpointLetters } from './checkpoint.ts'
import type { LogIndex } from './log-index.ts'
import type { LogView } from './log-state.ts'
import { type Manifest, purgedBelow } from './manifest.ts'
import { firstSegment, startOf } from './position.ts'
import { decodeRecord } from './record-codec.ts'
import { segmentRecords } from './segment-records.ts'

/** Which dead letters are asked for, as in the port. */
export interface LetterQuery {
  readonly target?: string
  readonly ids?: readonly string[]
  readonly after?: string
  readonly limit: number
}

/** The dead letters that a query asks for and that are still listed, by id. */
export async function findLetters(index: LogIndex, query: LetterQuery): Promise<DeadLetter[]> {
  const view = await index.refresh()
  const { manifest } = await index.manifest()
  const ids = query.ids === undefined ? undefined : new Set(query.ids)
  const wanted = ({ id, target }: DeadLetter): boolean =>
    (ids?.has(id) ?? true) &&
    (query.target === undefined || query.target === target.name) &&
    (query.after === undefined || id > query.after)
  let found: DeadLetter[] = []
  for await (const { letter } of listedLetters(index, { manifest, view, through: view.end.segment })) {
    if (!wanted(letter)) continue
    found.push(letter)
    // Only the first ones by id are needed; what lies behind them need not stay in memory.
    if (found.length > 2 * query.limit + 1000) found = firstOf(found, query.limit)
  }
  return firstOf(found, query.limit)
}

const firstOf = (letters: readonly DeadLetter[], limit: number): DeadLetter[] =>
  letters.toSorted((a, b) => (a.id < b.id ? -1 : 1)).slice(0, limit)

/** The letters listed at the end of a segment: those of the checkpoint and of later segments, but for those replayed or purged since. */
export async function* listedLetters(
  index: LogIndex,
  log: { readonly manifest: Manifest; readonly view: LogView; readonly through: number },
): AsyncGenerator<KeptLetter> {
  const { manifest } = log
  const replayed = new Set<string>()
  for await (const { head, bytes } of letterRecords(index, log))
    if (head.replayed) for (const id of decodeRecord(bytes).replayed) replayed.add(id)
  const listed = ({ position, letter }: KeptLetter): boolean =>
    !replayed.has(letter.id) && position >= purgedBelow(manifest, letter.target)
  for await (const kept of checkpointLetters(index.folder, manifest)) if (listed(kept)) yield kept
  for await (const { position, head, bytes } of letterRecords(index, log)) {
    if (!head.letters) continue
    for (const letter of decodeRecord(bytes).deadLetters) if (listed({ position, letter })) yield { position, letter }
  }
}

async function* letterRecords(
  index: LogIndex,
  { manifest, view, through }: { readonly manifest: Manifest; readonly view: LogView; readonly through: number },
): ReturnType<typeof segmentRecords> {
  for (
    let segment = Math.max(firstSegment, manifest.sealedThrough + 1);
    segment <= Math.min(through, view.end.segment);
    segment++
  ) {
    if (view.hasLetters(segment))
      yield* segmentRecords(index, view, { from: startOf(segment), before: startOf(segment + 1) })
  }
}
