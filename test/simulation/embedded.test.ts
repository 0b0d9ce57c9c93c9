import fc from 'fast-check'
import { test } from 'vitest'
import { changes } from './changes.ts'
import { compare } from './compare.ts'
import { embeddedPath, embeddedWorld } from './embedded-world.ts'
import { live } from './live.ts'
import { histories, simulationSeed } from './steps.ts'

/** How many histories are lived through, unless HISTORIES says more. One that fails is printed with its seed. */
const lives = Number(process.env['HISTORIES'] ?? 20)

test('whatever happened, what is served is what history says: DuckDB, LMDB, SQLite', { timeout: 600_000 }, async () => {
  await fc.assert(
    // Changes of definitions and the switches that follow are rare among all that may happen.
    fc.asyncProperty(fc.oneof({ arbitrary: histories, weight: 2 }, changes), async (steps) => {
      await using world = await embeddedWorld()
      await live(world, steps, embeddedPath)
      await compare(world, embeddedPath)
    }),
    { seed: simulationSeed, numRuns: lives, endOnFailure: true },
  )
})
