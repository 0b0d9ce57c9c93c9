import type { StoredGeneration, ViewSnapshot } from '../decide/snapshot.ts'
import { type Call, checkCall } from '../kernel/call.ts'
import type { MaterializeDeps } from './deps.ts'
import { spaceOf } from './space-writer.ts'

/** How long after its expiry a row is still there, in microseconds: for that long a read can say OUTSIDE_MAX_AGE. */
const graceUs = 86_400_000_000n

/**
 * Frees rows of a view that expired a day or more ago. A tombstone as old hides nothing that is still valid. Each slice
 * asks a snapshot at most 2 s old, and leaves rows of a later revision than the one whose ttl it read.
 * @returns how many rows were freed.
 */
export async function sweepExpired(deps: MaterializeDeps, view: ViewSnapshot, call?: Call): Promise<number> {
  let freed = 0
  for (const generation of [view.serving, view.building]) {
    if (generation === null || generation.resolved.ttlUs === 0n) continue
    freed += await sweepGeneration(deps, generation, call)
  }
  return freed
}

async function sweepGeneration(deps: MaterializeDeps, generation: StoredGeneration, call?: Call): Promise<number> {
  let freed = 0
  let after: Uint8Array | undefined
  for (;;) {
    checkCall(call)
    const name = generation.resolved.name
    const now = (await deps.snapshots.current(call)).views.get(name)
    const still = [now?.serving, now?.building].find((g) => g?.generation === generation.generation)
    if (still === undefined || still === null || still.resolved.ttlUs === 0n) return freed
    const eventBefore = deps.clock.now() - still.resolved.ttlUs - graceUs
    const slice = await deps.online.sweep(
      spaceOf(name, still),
      { eventBefore, revisionUpTo: still.revision, tombstones: true },
      after,
      call,
    )
    freed += slice.freed
    if (slice.next === null) return freed
    after = slice.next
  }
}
