import fc from 'fast-check'
import { test } from 'vitest'
import { compare } from './compare.ts'
import { live } from './live.ts'
import { histories, simulationSeed } from './steps.ts'
import { memoryPath, memoryWorld } from './world.ts'

test('whatever happened, what is served is what history says: memory engines', { timeout: 600_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(histories, async (steps) => {
      await using world = await memoryWorld()
      await live(world, steps, memoryPath)
      await compare(world, memoryPath)
    }),
    { seed: simulationSeed, numRuns: Number(process.env['HISTORIES'] ?? 300) },
  )
})
