import type { ViewSnapshot } from '../decide/snapshot.ts'
import { type Call, checkCall } from '../kernel/call.ts'
import type { LogTarget } from '../query/relation.ts'
import { catchUp } from './catch-up.ts'
import { changeState } from './change-state.ts'
import { harmOf } from './harm.ts'
import type { MaterializeDeps } from './deps.ts'
import { tryLease } from './lease.ts'
import { spaceOf } from './space-writer.ts'
import { sweepExpired } from './sweep.ts'
import { trySwitch } from './switch.ts'
import { takeOver } from './take-over.ts'

/**
 * What workers do every few seconds: take over the runs of processes that have ended; and for every view bring the push log online, switch what may be switched, free what was
 * replaced long enough ago, sweep what expired (a scan of all rows, so when asked), and let the log fold itself. Safe in any number of processes at once.
 */
export async function maintain(
  deps: MaterializeDeps,
  options: {
    readonly sweep: boolean
    /** Starts a run of a view to an instant: what the online store has lost is rebuilt. */
    readonly heal?: (view: string, end: bigint) => Promise<void>
  },
  call?: Call,
): Promise<void> {
  await takeOver(deps, null, call)
  const snapshot = await deps.snapshots.fresh(call)
  for (const view of snapshot.views.values()) {
    checkCall(call)
    await maintainView(deps, view, call)
    const lostUpTo = options.heal === undefined ? null : await harmOf(deps, view, call)
    if (lostUpTo !== null) await options.heal?.(view.name, lostUpTo)
    if (options.sweep) await sweepExpired(deps, view, call)
  }
  const purge = [...snapshot.views.values()].flatMap((v) =>
    v.generations.purgedBelow > 0n
      ? [{ target: { kind: 'view', name: v.name } as LogTarget, below: v.generations.purgedBelow }]
      : [],
  )
  await deps.log.maintain({ purge, nowUs: deps.clock.now() }, call)
}

async function maintainView(deps: MaterializeDeps, view: ViewSnapshot, call?: Call): Promise<void> {
  const { purgedBelow } = view.generations
  for (const generation of [view.serving, view.building])
    if (generation !== null) await catchUp(deps, generation, { purgedBelow }, call)
  if (view.building !== null) {
    await using lease = await tryLease(deps, view.name, call)
    if (lease !== null) await trySwitch(deps, view.name, lease, call)
  }
  await freeReplaced(deps, view, call)
  await purgeRemoved(deps, view, call)
}

/**
 * Frees the rows of generations replaced long enough ago that no rollback brings them back (`replacedKeptMs`): their rows
 * first, then their place in metadata, so that a crash between the two is mended by the next one to come by.
 */
async function freeReplaced(deps: MaterializeDeps, view: ViewSnapshot, call?: Call): Promise<void> {
  for (const old of view.generations.replaced) {
    if (Date.now() - old.replacedAtMs < deps.waits.freeMs) continue
    await using lease = await tryLease(deps, view.name, call)
    if (lease === null) return
    const { value } = await deps.runLog.readState(view.name, call)
    if (
      value?.generations.replaced.some(
        (g) => g.generation === old.generation && g.replacedAtMs === old.replacedAtMs,
      ) !== true
    )
      continue
    await deps.online.drop(spaceOf(view.name, old), call)
    await changeState(
      deps,
      view.name,
      (state) => ({
        generations: {
          ...state.generations,
          replaced: state.generations.replaced.filter((g) => g.generation !== old.generation),
        },
        progress: {
          ...state.progress,
          generations: state.progress.generations.filter((g) => g.generation !== old.generation),
        },
      }),
      { lease, ...(call === undefined ? {} : { call }) },
    )
  }
}

/** Which removals of views this process has seen purged: by view, when it was removed. */
const purgedHere = new WeakMap<MaterializeDeps['runLog'], Map<string, number>>()

/** Declares the pushed history of a view that was removed long ago purged: one write, only while the view is still removed. */
async function purgeRemoved(deps: MaterializeDeps, view: ViewSnapshot, call?: Call): Promise<void> {
  const long = (removedAtMs: number | null): boolean =>
    removedAtMs !== null && Date.now() - removedAtMs >= deps.waits.purgeMs
  const { removedAtMs } = view.generations
  const seen = purgedHere.get(deps.runLog) ?? new Map<string, number>()
  purgedHere.set(deps.runLog, seen)
  if (removedAtMs === null || !long(removedAtMs) || seen.get(view.name) === removedAtMs) return
  const head = await deps.log.head(call)
  const held = call === undefined ? {} : { call }
  await changeState(
    deps,
    view.name,
    (state) =>
      long(state.generations.removedAtMs)
        ? { ...state, generations: { ...state.generations, purgedBelow: head } }
        : null,
    held,
  )
  seen.set(view.name, removedAtMs)
}
