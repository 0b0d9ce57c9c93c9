import { expect } from 'vitest'
import { type World, definitionsOf, firstVariant, second } from './world.ts'

/** Materializes up to now, brings the log online, and compares each entity with a snapshot at now. */
export async function compare(world: World, path: string): Promise<void> {
  world.crashAt = null
  world.clock.set(world.clock.now() + second)
  const { definitions } = await world.store.registry()
  if (definitions.views['view'] === undefined)
    await world.store.apply(definitionsOf(firstVariant, path), { allowBreaking: true })
  await world.store.materialize('view')
  await world.store.maintain()
  const ks = [0, 1, 2]
  const served = await world.store.online(
    'view',
    ks.map((k) => ({ k })),
  )
  const table = await world.store.snapshot('view', { at: world.clock.now() })
  const rows = new Map((await table.rows()).map((r) => [r['k'], r]))
  const expected = ks.map((k) => served.features.map((f) => rows.get(k)?.[f] ?? null))
  expect(ks.map((_, i) => served.features.map((f) => served[i]?.[f] ?? null))).toEqual(expected)
  const times = ks.map((k) => rows.get(k)?.['event_timestamp'] ?? null)
  const fresh = served.statuses.map((s, i) =>
    s.every((status) => status === 'NOT_FOUND' || status === 'OUTSIDE_MAX_AGE')
      ? null
      : new Date(Number((served.eventTimes[i]?.[0] ?? 0n) / 1000n)),
  )
  expect(fresh).toEqual(times)
}
