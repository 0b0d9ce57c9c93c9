import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Step, histories, take } from './steps.ts'
import { type World, definitionsOf, firstVariant, memoryPath, memoryWorld, second } from './world.ts'

test('whatever happened, what is served is what history says: memory engines', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(histories, async (steps) => {
      await using world = await memoryWorld()
      await live(world, steps, memoryPath)
      await compare(world, memoryPath)
    }),
    { numRuns: 300 },
  )
})

async function live(world: World, steps: readonly Step[], path: string): Promise<void> {
  // A file that is never touched tells what columns the source has.
  await world.writeFile('z', [])
  await world.store.apply(definitionsOf(firstVariant, path))
  for (const step of steps) {
    world.clock.set(world.clock.now() + 1n)
    await take(world, step, path)
  }
}

/** Materializes up to now, brings the log online, and compares each entity with a snapshot at now. */
async function compare(world: World, path: string): Promise<void> {
  world.crashAt = null
  world.clock.set(world.clock.now() + second)
  const { definitions } = await world.store.registry()
  if (definitions.views['view'] === undefined) await world.store.apply(definitionsOf(firstVariant, path), { allowBreaking: true })
  await world.store.materialize('view')
  await world.store.maintain()
  const ks = [0, 1, 2]
  const served = await world.store.online('view', ks.map((k) => ({ k })))
  const table = await world.store.snapshot('view', { at: world.clock.now() })
  const rows = new Map((await table.rows()).map((r) => [r['k'], r]))
  const expected = ks.map((k) => served.features.map((f) => rows.get(k)?.[f] ?? null))
  expect(ks.map((_, i) => served.features.map((f) => served[i]?.[f] ?? null))).toEqual(expected)
  const times = ks.map((k) => rows.get(k)?.['event_timestamp'] ?? null)
  const fresh = served.statuses.map((s, i) => (s.every((status) => status === 'NOT_FOUND' || status === 'OUTSIDE_MAX_AGE') ? null : new Date(Number((served.eventTimes[i]?.[0] ?? 0n) / 1000n))))
  expect(fresh).toEqual(times)
}
