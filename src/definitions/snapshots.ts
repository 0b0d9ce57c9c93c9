import { performance } from 'node:perf_hooks'
import { abandonable } from '../kernel/abandon.ts'
import { type Call, checkCall } from '../kernel/call.ts'
import { type Registry, type RegistrySnapshot } from '../ports/registry.ts'
import type { RunLog } from '../ports/run-log.ts'
import { snapshotMaxAgeMs, type Snapshots } from '../ports/snapshots.ts'
import type { Snapshot } from '../decide/snapshot.ts'
import { snapshotBuilder } from './build-snapshot.ts'
import { openLastSeen } from './last-seen.ts'
import { versionCache } from './version-cache.ts'

/** From this age on a snapshot is read again beside the calls that still get it, so that hardly one has to wait. */
const refreshAgeMs = snapshotMaxAgeMs / 2

/** Snapshots that can be told of this process's own writes. */
export interface LiveSnapshots extends Snapshots {
  /** This process has written: from now on no snapshot is given out that was read before. */
  noteWrite(): void
}

interface Held {
  readonly token: string
  readonly snapshot: Snapshot
  /** When the reading of it began. */
  readonly readAtMs: number
  /** How many own writes were noted by then. */
  readonly writes: number
}

/**
 * Keeps one snapshot of a registry for all calls. It is the same object for as long as nothing that it shows changes.
 * Its age is told by `nowMs`, the process's monotonic clock unless given.
 */
export function openSnapshots({
  registry,
  nowMs = () => performance.now(),
}: {
  readonly registry: Registry
  readonly nowMs?: () => number
}): LiveSnapshots {
  const versions = versionCache(registry)
  const build = snapshotBuilder(versions.definitions)
  let held: Held | undefined
  let writes = 0
  /** How many were, when the last reading began. */
  let began = 0

  async function read(): Promise<Held> {
    const begun = { readAtMs: nowMs(), writes }
    began = writes
    const answer = await registry.snapshot(held?.token)
    if (answer === null && held !== undefined) return (held = { ...held, ...begun })
    const { token, snapshot } = answer ?? (await wholeSnapshot(registry))
    versions.keep(snapshot.head)
    return (held = { token, snapshot: await build(snapshot, held?.snapshot), ...begun })
  }

  const readings = oneAtATime(() => reads.noteRead(read()))

  /** Online reads ask for it each time: a promise would cost them as much as finding a row. */
  function current(call?: Call): Snapshot | Promise<Snapshot> {
    if (held !== undefined && held.writes === writes) {
      const ageMs = nowMs() - held.readAtMs
      // What goes wrong in the background goes wrong again for the first call that has to wait.
      if (ageMs >= refreshAgeMs && readings.underway() === undefined) readings.start().catch(() => undefined)
      if (ageMs < snapshotMaxAgeMs) return held.snapshot
    }
    return awaited(call)
  }

  const reads = openLastSeen({
    current,
    held: () => (held === undefined ? undefined : { snapshot: held.snapshot, isCurrent: held.writes === writes }),
    refresh: () => void (readings.underway() ?? readings.start().catch(() => undefined)),
  })

  async function awaited(call: Call | undefined): Promise<Snapshot> {
    checkCall(call)
    const underway = readings.underway()
    if (underway !== undefined && began === writes) {
      const joined = await abandonable(underway, call)
      // One that began long ago, and was slow to answer, is of no use to who asked later.
      if (nowMs() - joined.readAtMs < snapshotMaxAgeMs && joined.writes === writes) return joined.snapshot
    }
    return fresh(call)
  }

  async function fresh(call?: Call): Promise<Snapshot> {
    checkCall(call)
    return (await abandonable(readings.after(), call)).snapshot
  }

  return Object.freeze({
    current,
    lastSeen: (call) => reads.lastSeen(call),
    fresh,
    definitions: versions.definitions,
    noteWrite: () => void (writes += 1),
  } satisfies LiveSnapshots)
}

interface Readings<T> {
  /** The one that is under way. */
  underway(): Promise<T> | undefined
  start(): Promise<T>
  /** One that begins from now on: all who ask while one is under way share the one after it. */
  after(): Promise<T>
}

function oneAtATime<T>(read: () => Promise<T>): Readings<T> {
  let underway: Promise<T> | undefined
  let next: Promise<T> | undefined
  const start = (): Promise<T> => (underway = read().finally(() => (underway = undefined)))
  const startNext = (): Promise<T> => {
    next = undefined
    return start()
  }
  return {
    underway: () => underway,
    start,
    after: () => (underway === undefined ? start() : (next ??= underway.then(startNext, startNext))),
  }
}

async function wholeSnapshot(registry: Registry): Promise<{ token: string; snapshot: RegistrySnapshot }> {
  const answer = await registry.snapshot()
  if (answer === null) throw new Error('Assertion failed: a snapshot without a token is never null')
  return answer
}

/** The metadata ports as this process writes through them: its snapshots notice each write. */
export function noticed<M extends { readonly registry: Registry; readonly runLog: RunLog }>(
  metadata: M,
  snapshots: Pick<LiveSnapshots, 'noteWrite'>,
): Pick<M, 'registry' | 'runLog'> {
  const noting = async <T>(write: Promise<T>): Promise<T> => {
    try {
      return await write
    } finally {
      snapshots.noteWrite()
    }
  }
  const { registry, runLog } = metadata
  return {
    registry: { ...registry, commit: (...asked) => noting(registry.commit(...asked)) },
    runLog: { ...runLog, writeState: (...asked) => noting(runLog.writeState(...asked)) },
  }
}
