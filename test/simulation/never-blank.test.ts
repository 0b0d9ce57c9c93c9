import fc from 'fast-check'
import { test } from 'vitest'
import { changes } from './changes.ts'
import { compare } from './compare.ts'
import { live } from './live.ts'
import { memoryPath, memoryWorld } from './world.ts'
import { simulationSeed } from './steps.ts'

test('whatever is applied, built and switched, what serves never goes blank', { timeout: 600_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(changes, async (steps) => {
      await using world = await memoryWorld()
      await live(world, steps, memoryPath)
      await compare(world, memoryPath)
    }),
    { seed: simulationSeed, numRuns: Number(process.env['HISTORIES'] ?? 200) },
  )
})
