import { expect } from 'vitest'
import { must } from '../../src/kernel/assert.ts'
import { parseDuration } from '../../src/values/duration.ts'
import { parseInstant } from '../../src/values/instant.ts'
import type { Step } from './steps.ts'
import type { World } from './world.ts'

/** What the latest runs have promised to serve. */
interface Promised {
  /** Everything before it was materialized; null: nothing is promised. */
  covered: bigint | null
  /** The same of the present revision alone: only there the next run takes what came late. */
  current: bigint | null
  /** Rows older than it may have been left behind: some ttl reached no further. */
  oldest: bigint
}

const nothing: Promised = Object.freeze({ covered: null, current: null, oldest: -(2n ** 62n) })

/**
 * Watches that serving never goes blank. After a run has ended well, each entity that history knows within what is covered
 * is served, by a row at least as new, until history itself takes it back: whatever is applied, built, switched, killed or
 * caught up meanwhile. Only a wiped or restored store, restored metadata, and a removed view end the promise. Call it after
 * every step.
 */
export function watchServing(world: World): (step: Step) => Promise<void> {
  let promised: Promised = { ...nothing }
  /** Of the last backup of metadata. */
  let saved: Promised = { ...nothing }
  /** Per key, the event time of the row that is served at least. */
  const rows = new Map<number, bigint>()
  /** Per key, when it was last deleted: beyond what is covered, history may hide that behind a row that nobody has read yet. */
  const deleted = new Map<number, bigint>()
  let lastRun = ''

  const forget = (next: Promised): void => {
    promised = { ...next }
    rows.clear()
  }

  /** What a step takes back by itself. */
  const note = (step: Step, alone: boolean): void => {
    if (step.do === 'online' && step.what !== 'backup') rows.clear()
    else if (step.do === 'metadata' && step.what === 'backup') saved = { ...promised }
    else if (step.do === 'metadata') forget(saved)
    else if (step.do === 'define' && !step.variant.view) forget(nothing)
    else if (step.do === 'define') {
      promised.current = null
      limit(step.variant.ttl ?? undefined)
    } else if (step.do === 'at once') for (const each of step.steps) note(each, false)
    // Among others at once, it may be seen by some and be undone before we look.
    else if (step.do === 'file' && !alone) rows.clear()
    else if (step.do === 'delete') {
      rows.delete(step.k)
      deleted.set(step.k, world.clock.now())
    }
  }

  const limit = (ttl: string | undefined): void => {
    if (ttl === undefined) return
    const since = world.clock.now() - must(parseDuration(ttl), ttl)
    if (since > promised.oldest) promised.oldest = since
  }

  /** A run that ended well, and after which nothing is left to be switched, promises all that is covered. */
  const promise = async (): Promise<void> => {
    const [run] = await world.store.runs({ view: 'view', limit: 1 })
    if (run === undefined || run.id === lastRun) return
    lastRun = run.id
    if (run.state !== 'succeeded' || (await world.store.show('views', 'view'))['building'] !== undefined) return
    const [start, end] = run.interval.map((text) => (text === null ? null : must(parseInstant(text), text)))
    const extended = (covered: bigint | null): bigint | null => {
      if (end === null || end === undefined) return covered
      if (covered === null) return start === null ? end : null
      return (start === null || (start !== undefined && start <= covered)) && end > covered ? end : covered
    }
    promised.covered = extended(promised.covered)
    promised.current = extended(promised.current)
    if (promised.current === null) return
    for (const [k, event] of await historyAt(world, promised.current - 1n))
      if (event > (rows.get(k) ?? nothing.oldest) && (deleted.get(k) ?? nothing.oldest) < promised.current)
        rows.set(k, event)
  }

  return async (step) => {
    note(step, true)
    const view = (await world.store.registry()).definitions.views['view'] as { readonly ttl?: string } | undefined
    if (view === undefined) return forget(nothing)
    limit(view.ttl)
    if (step.do === 'materialize') await promise()
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
    const blank = keys.filter((k, i) => (served.eventTimes[i]?.[0] ?? promised.oldest - 1n) < (rows.get(k) ?? 0n))
    expect(blank, `served by older rows than before, or not at all, after ${JSON.stringify(step)}`).toEqual([])
  }
}

/** The event time of each entity's latest row at an instant, however old; deleted ones are not there. */
async function historyAt(world: World, at: bigint): Promise<Map<number, bigint>> {
  const table = await world.store.snapshot('view', { at, includeExpired: true })
  const found = await table.rows({ instants: 'micros' })
  return new Map(found.map((row) => [row['k'] as number, row['event_timestamp'] as bigint]))
}
