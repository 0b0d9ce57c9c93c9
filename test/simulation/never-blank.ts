import { expect } from 'vitest'
import { must } from '../../src/kernel/assert.ts'
import { parseDuration } from '../../src/values/duration.ts'
import { parseInstant } from '../../src/values/instant.ts'
import type { Step } from './steps.ts'
import type { World } from './world.ts'

/** What the latest runs have promised to serve. */
interface Promised {
  /** Everything before it was materialized; null: nothing is promised. */
  readonly covered: bigint | null
  /** The same of the present revision alone: only there the next run takes what came late. */
  readonly current: bigint | null
  /** Rows older than it may have been left behind: some ttl reached no further. */
  readonly oldest: bigint
}

const nothing: Promised = Object.freeze({ covered: null, current: null, oldest: -(2n ** 62n) })

interface Watch {
  promised: Promised
  /** Of the last backup of metadata. */
  saved: Promised
  /** Per key, the event time of the row that is served at least. */
  readonly rows: Map<number, bigint>
  /** Per key, when it was last deleted: beyond what is covered, history may hide that behind a row that nobody has read yet. */
  readonly deleted: Map<number, bigint>
  lastRun: string
}

/**
 * Watches that serving never goes blank. After a run has ended well, each entity that history knows within what is covered
 * is served, by a row at least as new, until history itself takes it back: whatever is applied, built, switched, killed or
 * caught up meanwhile. Only a wiped or restored store, restored metadata, and a removed view end the promise. Call it after
 * every step.
 */
export function watchServing(world: World): (step: Step) => Promise<void> {
  const watch: Watch = { promised: nothing, saved: nothing, rows: new Map(), deleted: new Map(), lastRun: '' }
  return async (step) => {
    const now = world.clock.now()
    note(watch, step, { now, alone: true })
    const view = (await world.store.registry()).definitions.views['view'] as { readonly ttl?: string } | undefined
    if (view === undefined) return forget(watch, nothing)
    limit(watch, view.ttl, now)
    if (step.do === 'materialize') await promise(watch, world)
    await check(watch, world, step)
  }
}

function forget(watch: Watch, next: Promised): void {
  watch.promised = next
  watch.rows.clear()
}

/** What a step takes back by itself. */
function note(watch: Watch, step: Step, { now, alone }: { readonly now: bigint; readonly alone: boolean }): void {
  const { rows, deleted } = watch
  if (step.do === 'online' && step.what !== 'backup') rows.clear()
  else if (step.do === 'metadata' && step.what === 'backup') watch.saved = watch.promised
  else if (step.do === 'metadata') forget(watch, watch.saved)
  else if (step.do === 'define' && !step.variant.view) forget(watch, nothing)
  else if (step.do === 'define') {
    watch.promised = { ...watch.promised, current: null }
    limit(watch, step.variant.ttl ?? undefined, now)
  } else if (step.do === 'at once') for (const each of step.steps) note(watch, each, { now, alone: false })
  // Among others at once, it may be seen by some and be undone before we look.
  else if (step.do === 'file' && !alone) rows.clear()
  else if (step.do === 'delete') {
    rows.delete(step.k)
    deleted.set(step.k, now)
  }
}

function limit(watch: Watch, ttl: string | undefined, now: bigint): void {
  if (ttl === undefined) return
  const since = now - must(parseDuration(ttl), ttl)
  if (since > watch.promised.oldest) watch.promised = { ...watch.promised, oldest: since }
}

/** A run that ended well, and after which nothing is left to be switched, promises all that is covered. */
async function promise(watch: Watch, world: World): Promise<void> {
  const [run] = await world.store.runs({ view: 'view', limit: 1 })
  if (run === undefined || run.id === watch.lastRun) return
  watch.lastRun = run.id
  if (run.state !== 'succeeded' || (await world.store.show('views', 'view'))['building'] !== undefined) return
  const start = run.interval[0] === null ? null : must(parseInstant(run.interval[0]), 'a start')
  const end = must(parseInstant(run.interval[1]), 'an end')
  const extended = (covered: bigint | null): bigint | null => {
    if (start !== null && (covered === null || start > covered)) return covered
    return covered === null || end > covered ? end : covered
  }
  const { covered, current, oldest } = watch.promised
  const reached = extended(current)
  watch.promised = { covered: extended(covered), current: reached, oldest }
  if (reached === null) return
  for (const [k, event] of await historyAt(world, reached - 1n)) {
    const newer = event > (watch.rows.get(k) ?? nothing.oldest)
    if (newer && (watch.deleted.get(k) ?? nothing.oldest) < reached) watch.rows.set(k, event)
  }
}

async function check({ promised, rows }: Watch, world: World, step: Step): Promise<void> {
  if (promised.covered === null || rows.size === 0) return
  const within = await historyAt(world, promised.covered - 1n)
  const now = await historyAt(world, world.clock.now())
  for (const [k, event] of rows) {
    const known = now.has(k) ? within.get(k) : undefined
    if (known === undefined || known < promised.oldest) rows.delete(k)
    else if (known < event) rows.set(k, known)
  }
  const keys = [...rows.keys()]
  const served = await world.store.online(
    'view',
    keys.map((k) => ({ k })),
    { includeExpired: true },
  )
  const blank = keys.filter((k, i) => (served.eventTimes[i]?.[0] ?? nothing.oldest) < (rows.get(k) ?? nothing.oldest))
  expect(blank, `served by older rows than before, or not at all, after ${JSON.stringify(step)}`).toEqual([])
}

/** The event time of each entity's latest row at an instant, however old; deleted ones are not there. */
async function historyAt(world: World, at: bigint): Promise<Map<number, bigint>> {
  const table = await world.store.snapshot('view', { at, includeExpired: true })
  const found = await table.rows({ instants: 'micros' })
  return new Map(found.map((row) => [row['k'] as number, row['event_timestamp'] as bigint]))
}
