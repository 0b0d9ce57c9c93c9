import fc from 'fast-check'
import { test } from 'vitest'
import { compare } from './compare.ts'
import { type Step, histories, take } from './steps.ts'
import { type World, definitionsOf, firstVariant, memoryPath, memoryWorld } from './world.ts'

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
