import type { Call } from '../kernel/call.ts'
import { manualClock } from '../kernel/clock.ts'
import { noProgress } from '../decide/progress.ts'
import type { Law } from './law.ts'
import {
  commitOf,
  generationsAt,
  type MetadataHarness,
  type OpenMetadata,
  refused,
  runNamed,
  start,
} from './metadata-harness.ts'
import { registryLaws } from './registry.ts'
import { runLogLaws } from './run-log.ts'

export type { MetadataHarness, OpenMetadata } from './metadata-harness.ts'

const clock = manualClock(start)
const owner = { host: 'here', boot: 'now', pid: 1, startedAt: '1' }

/** Every method of both ports, called so that it would do its work. */
function everyCall({ registry, runLog }: OpenMetadata, call?: Call): (() => Promise<unknown>)[] {
  const state = { generations: generationsAt(start), progress: noProgress }
  return [
    () => registry.snapshot(undefined, call),
    () => registry.read(0, call),
    () => registry.versions(1, call),
    () => registry.commit(commitOf('one', 0), call),
    () => runLog.acquire('delays', owner, { forMs: 1000, dead: () => false }, call),
    () => runLog.renew('delays', 'token', 1000, call),
    () => runLog.readState('delays', call),
    () => runLog.writeState('delays', { expect: 0, value: state, at: start }, call),
    () => runLog.putRun(runNamed('r1'), undefined, call),
    () => runLog.runs({ limit: 1 }, call),
  ]
}

const lifetimeLaws: readonly Law<MetadataHarness>[] = [
  {
    law: 'disposing twice does nothing more; use after disposal throws CLOSED',
    run: async (harness) => {
      const store = await harness.open(clock)
      await using other = await harness.open(clock)
      await store.registry[Symbol.asyncDispose]()
      await store.registry[Symbol.asyncDispose]()
      await store.runLog.runs({ limit: 1 })
      await store[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
      for (const each of everyCall(store)) await refused('CLOSED', each)
      await other.runLog.runs({ limit: 1 })
    },
  },
  {
    law: 'an aborted signal and a passed deadline are honoured before anything is done',
    run: async (harness) => {
      await using store = await harness.open(clock)
      for (const each of everyCall(store, { signal: AbortSignal.abort() })) await refused('INTERRUPTED', each)
      for (const each of everyCall(store, { deadlineAtMs: Date.now() - 1 })) await refused('DEADLINE_EXCEEDED', each)
      const { registry, runLog } = store
      const nothing =
        (await registry.snapshot())?.snapshot.head.version === 0 && (await runLog.runs({ limit: 1 })).length === 0
      if (!nothing) throw new Error('an aborted call did its work')
    },
  },
]

/** The laws of the metadata ports: registry, run log, and the lifetime of both. */
export const metadataLaws: readonly Law<MetadataHarness>[] = [...registryLaws, ...runLogLaws, ...lifetimeLaws]
