import { isExplained, missingForSwitch, progressOf, switched } from '../decide/attempt.ts'
import { resolveView } from '../define/resolved-view.ts'
import { must } from '../kernel/assert.ts'
import type { Call } from '../kernel/call.ts'
import type { Interval } from '../values/intervals.ts'
import { catchUp } from './catch-up.ts'
import { changeState } from './change-state.ts'
import type { MaterializeDeps } from './deps.ts'
import type { HeldLease } from './lease.ts'
import { spaceOf } from './space-writer.ts'

/** What became of a try to switch. */
export type SwitchOutcome =
  | { readonly kind: 'switched' | 'nothing to switch' | 'not yet' }
  | { readonly kind: 'too young'; readonly waitMs: number }
  | { readonly kind: 'missing'; readonly intervals: readonly Interval[] }

/**
 * Lets the building generation of a view serve, if it is old enough, has caught up with a head of the log read after
 * that, its stamp is explained, and it covers what the serving one covers within the new ttl. The lease keeps any
 * attempt out meanwhile.
 */
export async function trySwitch(
  deps: MaterializeDeps,
  view: string,
  lease: HeldLease,
  call?: Call,
): Promise<SwitchOutcome> {
  const { value: state } = await deps.runLog.readState(view, call)
  const building = state?.generations.building ?? null
  if (state === null || building === null || state.generations.removedAtMs !== null)
    return { kind: 'nothing to switch' }
  const definitions = await deps.snapshots.definitions(building.definition, call)
  const resolved = resolveView(
    definitions,
    must(definitions.views.get(view), `version ${building.definition} has the view ${view}`),
  )
  const limits = { ttlUs: resolved.ttlUs, now: deps.clock.now() }
  const intervals = missingForSwitch(state.progress, state.generations, limits)
  if (intervals.length > 0) return { kind: 'missing', intervals }
  // The machine's clock may be set back: then the wait starts over, which is late but safe.
  const ageMs = Date.now() - building.bornAtMs
  if (ageMs <= deps.waits.switchMs)
    return { kind: 'too young', waitMs: Math.min(deps.waits.switchMs - ageMs + 1, deps.waits.switchMs + 1) }
  const generation = { ...building, resolved }
  const head = await deps.log.head(call)
  await catchUp(deps, generation, { purgedBelow: state.generations.purgedBelow }, call)
  const marks = must((await deps.marks.readMarks([spaceOf(view, building)], call))[0], 'marks of one space')
  // Read anew: the store may have been put back since, to a copy whose stamp is explained and whose cursor is behind.
  if (marks.cursor === null || marks.cursor < head) return { kind: 'not yet' }
  if (!isExplained(progressOf(state.progress, building.generation), marks.stamp)) return { kind: 'not yet' }
  const done = await changeState(
    deps,
    view,
    (now) => {
      const same =
        now.generations.building?.generation === building.generation &&
        now.generations.building.revision === building.revision
      if (!same || missingForSwitch(now.progress, now.generations, limits).length > 0) return null
      return { ...now, generations: switched(now.generations, Date.now()) }
    },
    { lease, ...(call === undefined ? {} : { call }) },
  )
  if (!done) return { kind: 'not yet' }
  deps.reached?.('switched')
  return { kind: 'switched' }
}
