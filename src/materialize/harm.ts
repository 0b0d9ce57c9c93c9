import { coveredBy, isExplained, progressOf } from '../decide/attempt.ts'
import type { ViewSnapshot } from '../decide/snapshot.ts'
import type { Call } from '../kernel/call.ts'
import { must } from '../kernel/assert.ts'
import type { MaterializeDeps } from './deps.ts'
import { spaceOf } from './space-writer.ts'

/**
 * Where the online store is not what runs have left (emptied, restored, failed over), the end of what was covered: a run to there
 * rebuilds it. Null where all is well, where nothing was ever materialized, or where a run is at it.
 */
export async function harmOf(deps: MaterializeDeps, view: ViewSnapshot, call?: Call): Promise<bigint | null> {
  if (view.serving === null || view.head?.view.online !== true) return null
  const marks = must((await deps.marks.readMarks([spaceOf(view.name, view.serving)], call))[0], 'marks of one space')
  // Read after the marks: an attempt that they tell of was begun before.
  const { value } = await deps.runLog.readState(view.name, call)
  if (value === null || value.generations.serving?.generation !== view.serving.generation) return null
  const end = coveredBy(value.progress, view.serving.generation).at(-1)?.end
  if (end === undefined || isExplained(progressOf(value.progress, view.serving.generation), marks.stamp)) return null
  return (await isBusy(deps, view.name, call)) ? null : end
}

async function isBusy(deps: MaterializeDeps, view: string, call: Call | undefined): Promise<boolean> {
  const [queued, running] = await Promise.all(
    (['queued', 'running'] as const).map((state) => deps.runLog.runs({ view, state, limit: 1 }, call)),
  )
  return (queued?.length ?? 0) + (running?.length ?? 0) > 0
}
