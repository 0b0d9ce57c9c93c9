import { mkdirSync, mkdtempSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Engines, openEngines } from '../../src/compose/engines.ts'
import { type StoreOptions, composeStore } from '../../src/compose/store.ts'
import type { Store } from '../../src/contract/store.ts'
import type { WireDefinitions } from '../../src/define/definition.ts'
import { loadConfig } from '../../src/definitions/load-files.ts'
import { manualClock } from '../../src/kernel/clock.ts'

/** 2026-01-01T00:00:00Z: where the domain's time begins in a repository that is about to be harmed. */
export const epoch = 1_767_225_600_000_000n
export const second = 1_000_000n

/** One process's store on a repository, and what it stands on. */
export interface OpenRepository extends AsyncDisposable {
  readonly store: Store
  readonly engines: Engines
  readonly clock: ReturnType<typeof manualClock>
}

/** A new feature repository on the embedded engines, to be removed by `removeRepository`. */
export function makeRepository(): string {
  const dir = mkdtempSync(join(tmpdir(), 'provender-crash-'))
  writeFileSync(join(dir, 'provender.yaml'), 'project: crash\n')
  mkdirSync(join(dir, 'data'))
  return dir
}

export const removeRepository = (dir: string): void =>
  rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })

/** Opens a repository as a process of its own would; its clock stands at `now` until it is set. `say` hears of what its writes have come to. */
export async function openRepository(
  dir: string,
  now: bigint,
  { say, ...options }: Omit<StoreOptions, 'clock'> & { readonly say?: Say } = {},
): Promise<OpenRepository> {
  const clock = manualClock(now)
  const config = loadConfig(dir)
  const opened = await openEngines(config, clock)
  const engines = say === undefined ? opened : speaking(opened, say)
  // Else it is kept only by processes that end in peace.
  flushCompileCache()
  const store = composeStore(config, engines, { clock, ...options })
  return { store, engines, clock, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() }
}

type Say = (point: WritePoint) => void

/** The points of an apply (born, committing, committed), of a push (writing online what is in the log by then; wrote), and of freeing rows (dropping, dropped). */

type WritePoint = 'born' | 'committing' | 'committed' | 'writing' | 'wrote' | 'dropping' | 'dropped'

function speaking(engines: Engines, say: Say): Engines {
  const { registry, marks, online } = engines
  return {
    ...engines,
    registry: {
      ...registry,
      async commit(...asked) {
        say('committing')
        const answer = await registry.commit(...asked)
        if (answer.kind === 'done') say('committed')
        return answer
      },
    },
    marks: {
      ...marks,
      async birth(...asked) {
        await marks.birth(...asked)
        say('born')
      },
    },
    online: {
      ...online,
      async write(...asked) {
        say('writing')
        const answer = await online.write(...asked)
        say('wrote')
        return answer
      },
      async drop(...asked) {
        say('dropping')
        await online.drop(...asked)
        say('dropped')
      },
    },
  }
}

/** Says a line in a way that survives a kill. Where it is the slow one, nothing else happens in this thread for a while, so that a kill can come right after it. */
export function sayLine(line: string, slow?: { readonly at: string; readonly ms: number }): void {
  writeSync(1, `${line}\n`)
  if (slow !== undefined && line.startsWith(slow.at))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, slow.ms)
}

/** What of the definitions changes. */
export interface Variant {
  /** Whether the view has a second feature: a new revision where it is added. */
  readonly wide: boolean
  /** Whether `v` is read from another column of the source: a new generation. */
  readonly swapped: boolean
}

export const firstVariant: Variant = Object.freeze({ wide: false, swapped: false })

/** One view over csv files, which are many, and pushed rows. */
export function definitionsOf({ wide, swapped }: Variant): WireDefinitions {
  return {
    entities: { thing: { keys: { k: 'int64' } } },
    sources: { things: { type: 'csv', path: 'data/*.csv', timestamp: 'at', created: 'seen' } },
    views: {
      latest: {
        entities: ['thing'],
        source: 'things',
        features: { v: { type: 'int64', column: swapped ? 'w' : 'v' }, ...(wide ? { w: 'int64' } : {}) },
      },
      // A csv column has the type that some view gives it.
      columns: { entities: ['thing'], source: 'things', online: false, features: { v: 'int64', w: 'int64' } },
    },
    on_demand: {},
    services: {},
  }
}
