import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { isProvenderError } from '../../src/kernel/errors.ts'
import { seeded } from '../../src/testing/seeded.ts'
import { compare } from './compare.ts'
import { type Process, type SharedWorld, sharedWorld } from './processes.ts'
import { catchUpAndLook, pushAndLook } from './push-and-look.ts'
import { type Step, stepsAlone, take, simulationSeed } from './steps.ts'
import { type VirtualTime, inVirtualTime } from './virtual-time.ts'
import { type World, definitionsOf, firstVariant, memoryPath } from './world.ts'

vi.mock('node:timers/promises', async () => ({ setTimeout: (await import('./virtual-time.ts')).sleepVirtually }))

/** What one process does, one after the other; sometimes it stands still, or is killed and started again, in the midst of it. */
interface Script {
  readonly skewMs: number
  readonly seed: number
  /** Of ten calls, how many take long. */
  readonly slow: number
  readonly acts: readonly {
    readonly step: Step
    readonly beforeMs: number
    readonly blow: { readonly what: 'pause' | 'kill'; readonly afterMs: number; readonly forMs: number } | null
  }[]
}

const upTo = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max })
const blow = fc.record({
  what: fc.constantFrom('pause' as const, 'kill' as const),
  afterMs: upTo(300),
  forMs: fc.oneof(upTo(4000), upTo(60_000)),
})
const scriptOf = (step: fc.Arbitrary<Step>, beforeMs: fc.Arbitrary<number>): fc.Arbitrary<Script> =>
  fc.record({
    skewMs: fc.integer({ min: -250, max: 250 }),
    seed: fc.integer(),
    slow: upTo(3),
    acts: fc.array(fc.record({ step, beforeMs, blow: fc.option(blow, { nil: null, freq: 5 }) }), {
      maxLength: 10,
      size: 'max',
    }),
  })
const writer = scriptOf(stepsAlone.writer, fc.oneof({ arbitrary: upTo(1500), weight: 9 }, upTo(10_000)))
const operator = scriptOf(
  stepsAlone.operator,
  fc.oneof({ arbitrary: upTo(1500), weight: 9 }, upTo(6000), upTo(650_000)),
)
const anybody = scriptOf(fc.oneof(stepsAlone.writer, stepsAlone.operator), fc.oneof(upTo(100), upTo(6000)))
const scripts = fc.oneof(
  fc.tuple(writer, operator),
  fc.tuple(writer, operator, operator),
  fc.tuple(writer, writer, operator),
  fc.tuple(anybody, anybody, anybody),
)

test('whatever several processes do at once, what is served is what history says', { timeout: 600_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(scripts, async (played) => {
      await inVirtualTime((time) => live(time, played))
    }),
    { seed: simulationSeed, numRuns: Number(process.env['HISTORIES'] ?? 150) },
  )
})

async function live(time: VirtualTime, played: readonly Script[]): Promise<void> {
  const shared = sharedWorld(time)
  shared.writeFile('z', [])
  const first = shared.open(() => 0)
  await first.store.apply(definitionsOf(firstVariant, memoryPath))
  await Promise.all(played.map((each) => time.within(each.skewMs, () => play(time, shared, each))))
  // Leases of killed processes end.
  await time.sleep(40_000)
  await catchUpAndLook(shared, first)
  await compare(worldOf(shared, first), memoryPath)
  const [run] = await first.store.runs({ limit: 1 })
  expect(run?.notes.filter((note) => note.startsWith('The new generation'))).toEqual([])
}

/** From the last renewal before a process stands still its leases last 20 s or more, and calls to renew them take up to 3 s. */
const takenForDeadMs = 15_000

/** The run of a process that stands still for so long may be ended by another one. */
function unlessTakenForDead(thrown: unknown): void {
  if (!isProvenderError(thrown) || thrown.code !== 'INTERRUPTED') throw thrown
}

async function play(time: VirtualTime, shared: SharedWorld, { seed, slow, acts }: Script): Promise<void> {
  const random = seeded(seed)
  const latencyMs = (): number =>
    random.int(10) >= slow ? random.int(3000) / 1000 : random.int(10) < 8 ? random.int(300) : random.int(3000)
  let process = shared.open(latencyMs)
  for (const { step, beforeMs, blow: hit } of acts) {
    await time.sleep(beforeMs)
    if (step.do === 'delete') shared.deleted.add(step.k)
    const done =
      step.do === 'push' && step.to === 'both'
        ? pushAndLook(time, shared, process, step)
        : take(worldOf(shared, process), step, memoryPath)
    const acting = hit?.what === 'pause' && hit.forMs > takenForDeadMs ? done.catch(unlessTakenForDead) : done
    acting.catch(() => undefined)
    if (hit?.what === 'pause') {
      await time.sleep(hit.afterMs)
      process.pausedUntilMs = time.nowMs() + hit.forMs
    }
    if (hit?.what === 'kill') {
      await Promise.race([acting, time.sleep(hit.afterMs)])
      process.killed = true
      process = shared.open(latencyMs)
    } else await acting
  }
}

/** A process as the world that steps are taken in: those of `stepsAlone` need no more of it. */
function worldOf(shared: SharedWorld, { store, clock }: Process): World {
  const parts: Partial<World> = {
    clock: { now: () => clock.now(), set: () => undefined },
    store,
    crashAt: null,
    writeFile: async (name, rows) => shared.writeFile(name, rows),
    backupOnline: async () => shared.backupOnline(),
    restoreOnline: async (backup) => shared.restoreOnline(backup),
  }
  return parts as World
}
