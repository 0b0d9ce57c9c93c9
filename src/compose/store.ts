import type { Store } from '../contract/store.ts'
import type { Config } from '../define/config.ts'
import { list, show } from '../definitions/describe.ts'
import { noticed, openSnapshots } from '../definitions/snapshots.ts'
import type { Clock } from '../kernel/clock.ts'
import { limits } from '../kernel/limits.ts'
import { isDead, processOwner } from '../kernel/process-owner.ts'
import { type RunPoint, type Waits, defaultWaits } from '../materialize/deps.ts'
import { maintain } from '../materialize/maintain.ts'
import { Presence } from '../materialize/presence.ts'
import { loadSources } from '../ingest/load.ts'
import { asProvenderError } from '../kernel/errors.ts'
import { callOf } from './arguments.ts'
import { prepareClosing } from './closing.ts'
import { doctor } from './doctor.ts'
import type { Engines } from './engines.ts'
import type { Parts } from './parts.ts'
import { reads } from './reads.ts'
import { type RunListeners, resuming, runs } from './runs.ts'
import { Observers, telemetryOf, timedOnline } from './telemetry.ts'
import { definitionVerbs } from './verbs.ts'
import { writes } from './writes.ts'

/** What a store is made with beside its engines. */
export interface StoreOptions {
  readonly clock: Clock
  readonly waits?: Partial<Waits>
  /** Whether it is that of a server: it goes on with runs of servers that have ended, and leaves its own to them when it is closed. */
  readonly serves?: boolean
  /** Called between two named phases of a run. */
  readonly reached?: (point: RunPoint) => void
}

/** How often all rows are looked through for expired ones, in milliseconds. */
const sweepEveryMs = 600_000

/** Puts the verbs of Provender on a set of engines, which the store owns from then on. */
export function composeStore(config: Config, engines: Engines, options: StoreOptions): Store {
  const waits = { ...defaultWaits, ...options.waits }
  const end = prepareClosing(waits)
  const snapshots = openSnapshots({ registry: engines.registry })
  const metadata = noticed(engines, snapshots)
  const observers = new Observers()
  const owner = processOwner()
  const heard: RunListeners = { begun: end.begun, ran: (run) => observers.tell((observer) => observer.ran(run)) }
  const parts: Parts = {
    config,
    snapshots,
    registry: metadata.registry,
    runLog: metadata.runLog,
    offline: engines.offline,
    log: engines.log,
    online: timedOnline(engines.online, config, observers),
    marks: engines.marks,
    clock: options.clock,
    // What the server lets through, the store takes; who calls it in process is never allowed less than usual.
    batchRows: Math.max(limits.batchRows, config.server.limits.batchRows),
    owner,
    isDead,
    presence: new Presence({ runLog: metadata.runLog, owner, waits }),
    resume: options.serves === true ? resuming(() => parts, heard) : null,
    waits,
    closing: end.closing,
    stopping: end.stopping,
    ...(options.reached === undefined ? {} : { reached: options.reached }),
  }
  let sweptAtMs = -sweepEveryMs
  let closing: Promise<void> | undefined
  const runVerbs = runs(parts, heard)
  const heal = async (view: string, upTo: bigint): Promise<void> =>
    void (await runVerbs.startMaterialize([view], { end: upTo }))
  return {
    project: config.project,
    telemetry: telemetryOf(parts, observers),
    ...definitionVerbs(parts),
    ...reads(parts),
    ...runVerbs,
    ...writes(parts, observers),
    list: async (kind, call) => list(parts, kind, callOf(call)),
    show: async (kind, name, call) => show(parts, { kind, name }, callOf(call)),
    load: async (sources, call) => ({ sources: await loadSources(parts, sources, callOf(call)) }),
    async maintain(call) {
      const sweep = performance.now() - sweptAtMs >= sweepEveryMs
      if (sweep) sweptAtMs = performance.now()
      await maintain(parts, { sweep, heal }, callOf(call))
    },
    health: async (call) => healthOf(parts, callOf(call)),
    doctor: async (call) => doctor(parts, callOf(call)),
    [Symbol.asyncDispose]() {
      closing ??= end.wait().then(() => engines[Symbol.asyncDispose]())
      return closing
    },
  }
}

/** Asks each dependency something small. */
async function healthOf(parts: Parts, call: ReturnType<typeof callOf>): ReturnType<Store['health']> {
  const asked: Record<string, () => Promise<unknown>> = {
    metadata: async () => parts.registry.versions(1, call),
    offline: async () => parts.log.head(call),
    online: async () => parts.marks.readMarks([{ view: 'health', generation: 0n }], call),
  }
  const health: Record<string, { ok: boolean; detail?: string; degraded?: true }> = {}
  const looks = Object.entries(asked).map(async ([name, ask]) => {
    health[name] = await ask().then(
      () => ({ ok: true }),
      (thrown: unknown) => ({ ok: false, detail: asProvenderError(thrown).message }),
    )
  })
  await Promise.all(looks)
  const away = ['metadata', 'offline'].filter((name) => health[name]?.ok === false)
  if (away.length === 0) return health
  // Online reads need the online store, and a registry as it was seen some time.
  const reads = await (async () => parts.snapshots.lastSeen(call))().then(
    () => true,
    () => false,
  )
  for (const name of away) if (reads) health[name] = { ok: false, ...health[name], degraded: true }
  return health
}
