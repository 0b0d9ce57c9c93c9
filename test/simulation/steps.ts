import fc from 'fast-check'
import { isProvenderError } from '../../src/kernel/errors.ts'
import { type RunPoint, runPoints } from '../../src/materialize/deps.ts'
import { Crash, type FileRow, type Variant, type World, definitionsOf, second } from './world.ts'

/** Something that happens to a world. Times are seconds before now. */
export type Step =
  | {
      readonly do: 'push'
      readonly target: 'view' | 'things'
      readonly to: 'both' | 'offline'
      readonly rows: readonly StepRow[]
    }
  | { readonly do: 'delete'; readonly k: number; readonly ago: number | null }
  | {
      readonly do: 'materialize'
      readonly start: number | null
      readonly end: number | null
      readonly repair: boolean
      readonly crash: { readonly point: RunPoint; readonly nth: number } | null
    }
  | { readonly do: 'file'; readonly name: string; readonly rows: readonly StepRow[] | null }
  | { readonly do: 'define'; readonly variant: Variant }
  | { readonly do: 'tick'; readonly seconds: number }
  | { readonly do: 'online'; readonly what: 'backup' | 'restore' | 'wipe' }
  | { readonly do: 'metadata'; readonly what: 'backup' | 'restore' }
  | { readonly do: 'maintain' }
  | { readonly do: 'at once'; readonly steps: readonly Step[] }

export interface StepRow {
  readonly k: number
  readonly ago: number
  /** Seconds that the row was learned after its event, at most now; null = none (a file), or the clock (a push). */
  readonly late: number | null
  readonly v: number | null
}

const row: fc.Arbitrary<StepRow> = fc.record({
  k: fc.integer({ min: 0, max: 2 }),
  ago: fc.integer({ min: 0, max: 300 }),
  late: fc.constantFrom(null, 0, 0, 20, 100),
  v: fc.option(fc.integer({ min: 0, max: 9 }), { nil: null }),
})
const ago = fc.option(fc.integer({ min: 0, max: 300 }), { nil: null })
const crash = fc.option(fc.record({ point: fc.constantFrom(...runPoints), nth: fc.constant(1) }), {
  nil: null,
  freq: 2,
})

const push: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('push'),
  target: fc.constantFrom('view', 'things'),
  to: fc.constantFrom('both', 'both', 'offline'),
  rows: fc.array(row, { minLength: 1, maxLength: 3 }),
})
const remove: fc.Arbitrary<Step> = fc.record({ do: fc.constant('delete'), k: fc.integer({ min: 0, max: 2 }), ago })
const materialize = fc.record({
  do: fc.constant('materialize' as const),
  start: fc.option(fc.integer({ min: 1, max: 300 }), { nil: null, freq: 1 }),
  end: fc.option(fc.integer({ min: 0, max: 300 }), { nil: null, freq: 1 }),
  repair: fc.constantFrom(false, false, false, true),
  crash,
})
const file: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('file'),
  name: fc.constantFrom('a', 'b', 'c'),
  rows: fc.option(fc.array(row, { minLength: 1, maxLength: 3 }), { nil: null, freq: 4 }),
})
const variant: fc.Arbitrary<Variant> = fc.record({
  view: fc.constantFrom(true, true, true, false),
  ttl: fc.constantFrom(null, '60s', '200s'),
  second: fc.boolean(),
  swapped: fc.constantFrom(false, false, true),
})
const define: fc.Arbitrary<Step> = fc.record({ do: fc.constant('define'), variant })
const tick: fc.Arbitrary<Step> = fc.record({ do: fc.constant('tick'), seconds: fc.integer({ min: 0, max: 90 }) })
const online: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('online'),
  what: fc.constantFrom('backup', 'restore', 'wipe'),
})
const metadata: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('metadata'),
  what: fc.constantFrom('backup', 'restore'),
})
const maintain: fc.Arbitrary<Step> = fc.constant({ do: 'maintain' })
const atOnce: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('at once'),
  steps: fc.array(fc.oneof(push, remove, materialize, define, maintain, file), { minLength: 2, maxLength: 4 }),
})

/** What one of several processes does: nothing that needs all others stopped. */
export const stepsAlone = {
  writer: fc.oneof({ arbitrary: push, weight: 5 }, remove),
  operator: fc.oneof(
    { arbitrary: materialize.map((step) => ({ ...step, crash: null })), weight: 4 },
    { arbitrary: define, weight: 4 },
    { arbitrary: maintain, weight: 3 },
    { arbitrary: file, weight: 2 },
    online,
  ),
} as const

/** A history of a world. */
export const histories: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { arbitrary: push, weight: 5 },
    { arbitrary: materialize, weight: 5 },
    { arbitrary: file, weight: 3 },
    { arbitrary: tick, weight: 3 },
    { arbitrary: atOnce, weight: 3 },
    remove,
    define,
    define,
    { arbitrary: online, weight: 2 },
    { arbitrary: metadata, weight: 2 },
    maintain,
  ),
  { minLength: 1, maxLength: 16, size: 'max' },
)

/** Lets a step happen. Refusals that such a step may meet are not faults; anything else is. */
export async function take(world: World, step: Step, path: string): Promise<void> {
  try {
    await happen(world, step, path)
  } catch (thrown) {
    if (thrown instanceof Crash) return
    if (isProvenderError(thrown) && refusals.has(thrown.code)) return
    // A run that was killed ends as failed with what killed it.
    if (isProvenderError(thrown) && thrown.message.includes('Killed at')) return
    throw thrown
  }
}

/** What a step may be answered with: the view is not there (yet), the interval is empty, the store was swapped or a file changed under a run, a row is not later than what it was created after. */
const refusals = new Set<string>([
  'UNKNOWN_NAME',
  'BAD_REQUEST',
  'STORE_UNREACHABLE',
  'SOURCE_CHANGED',
  'REGISTRY_CONFLICT',
  'LEASE_LOST',
  'NOT_ONLINE',
])

/** Instants lie so far apart that rows, deletes and the ends of intervals often meet. */
const grid = 10n * second

const instantBefore = (now: bigint, seconds: number): bigint => {
  const instant = now - BigInt(seconds) * second
  return instant - (instant % grid)
}

/** The rows of a push that is made now. */
export function pushedBy(
  step: Extract<Step, { do: 'push' }>,
  now: bigint,
): {
  readonly k: number
  readonly at: bigint
  readonly v: number | null
  readonly seen?: bigint
  readonly w?: number | null
}[] {
  const before = (seconds: number): bigint => instantBefore(now, seconds)
  return step.rows.map((r) => ({
    k: r.k,
    at: before(r.ago),
    v: r.v,
    ...(r.late === null ? {} : { seen: before(Math.max(0, r.ago - r.late)) }),
    ...(step.target === 'things' ? { w: r.v === null ? null : r.v + 100 } : {}),
  }))
}

async function happen(world: World, step: Step, path: string): Promise<void> {
  const now = world.clock.now()
  const before = (seconds: number): bigint => instantBefore(now, seconds)
  switch (step.do) {
    case 'push':
      await world.store.push(step.target, pushedBy(step, now), { to: step.to })
      break
    case 'delete':
      await world.store.delete('view', { k: step.k }, step.ago === null ? {} : { at: before(step.ago) })
      break
    case 'materialize':
      world.crashAt = step.crash
      await world.store.materialize('view', {
        ...(step.start === null ? {} : { start: before(step.start) }),
        ...(step.end === null ? {} : { end: before(step.end) }),
        repair: step.repair,
      })
      break
    case 'file': {
      const rows = step.rows?.map((r): FileRow => ({
        k: r.k,
        at: before(r.ago),
        seen: r.late === null ? null : before(Math.max(0, r.ago - r.late)),
        v: r.v === null ? null : BigInt(r.v),
        w: r.v === null ? null : BigInt(r.v) + 100n,
      }))
      await world.writeFile(step.name, rows ?? null)
      break
    }
    case 'define':
      await world.store.apply(definitionsOf(step.variant, path), { allowBreaking: true })
      break
    case 'tick':
      world.clock.set(now + BigInt(step.seconds) * second + 1n)
      break
    case 'online':
      if (step.what === 'backup') await world.backupOnline()
      else await world.restoreOnline(step.what === 'restore')
      break
    case 'metadata':
      if (step.what === 'backup') await world.backupMetadata()
      else await world.restoreMetadata()
      break
    case 'maintain':
      await world.store.maintain()
      break
    case 'at once':
      await Promise.all(step.steps.map((s) => take(world, s, path)))
  }
}

/** The same histories in every run, so that a failure is a change's fault; SIMULATION_SEED tries others. */
export const simulationSeed = Number(process.env['SIMULATION_SEED'] ?? 20_261_124)
