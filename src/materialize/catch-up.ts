import { type RowEncoder, latestOf, rowsFor, targetsOf } from '../decide/log-rows.ts'
import type { StoredGeneration } from '../decide/snapshot.ts'
import { must } from '../kernel/assert.ts'
import { type Call, checkCall } from '../kernel/call.ts'
import type { KeyedRow } from '../ports/online.ts'
import type { MaterializeDeps } from './deps.ts'
import { openEncoder, spaceOf, writeSpace } from './space-writer.ts'

/** Rows written in one call: bounds the memory of a catch-up of any length. */
const rowsPerWrite = 5000

/**
 * Brings the push log online for one generation: writes every record between its cursor and a head of the log that is not
 * `offline`, and moves the cursor there, if the store is still the one that the cursor was read from. Idempotent; the
 * store keeps the later row. Crash healing, an emptied store and a new generation are all this.
 * @returns whether the cursor now stands at that head.
 */
export async function catchUp(
  deps: MaterializeDeps,
  generation: StoredGeneration,
  scope: { readonly purgedBelow: bigint },
  call?: Call,
): Promise<boolean> {
  const view = generation.resolved
  const space = spaceOf(view.name, generation)
  const marks = must((await deps.marks.readMarks([space], call))[0], 'marks of one space')
  const head = await deps.log.head(call)
  const cursor = marks.cursor ?? 0n
  if (cursor >= head && marks.cursor !== null) return true
  let rows: (KeyedRow | null)[] = []
  let encode: RowEncoder | undefined
  const flush = async (): Promise<void> => {
    if (rows.length === 0) return
    const { latest } = latestOf(rows)
    rows = []
    encode = undefined
    await writeSpace(deps.online, generation, latest, call)
  }
  const range = { from: cursor, before: head, targets: targetsOf(view) }
  for await (const { position, record } of deps.log.changes(range, call)) {
    checkCall(call)
    if (record.to === 'offline' || (record.target.kind === 'view' && position < scope.purgedBelow)) continue
    encode ??= await openEncoder(deps.online, generation, call)
    for (const row of rowsFor(record, generation, encode)) rows.push(row)
    if (rows.length >= rowsPerWrite) await flush()
  }
  await flush()
  return deps.marks.moveCursor(space, head, marks.incarnation, call)
}
