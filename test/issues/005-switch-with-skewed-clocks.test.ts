import { expect, test, vi } from 'vitest'
import type { Clock } from '../../src/kernel/clock.ts'
import { defaultWaits } from '../../src/materialize/deps.ts'
import { things, thingColumns } from '../../src/testing/store-bench.ts'
import { inVirtualTime } from '../simulation/virtual-time.ts'
import { sharedMemory } from '../support/shared-memory.ts'

vi.mock('node:timers/promises', async () => ({
  setTimeout: (await import('../simulation/virtual-time.ts')).sleepVirtually,
}))

// A birth carries an instant up to a second old when it is recorded, a registry that another process sees is up to two
// seconds old, and the clock of the process that switches may be half a second ahead: three seconds were not enough.
const pushedMs = Array.from({ length: 14 }, (_, i) => 1000 + i * 300)
test.for(pushedMs)('a push of %i ms after the birth is not lost by a switch', async (afterMs) => {
  await inVirtualTime(async (time) => {
    const memory = sharedMemory()
    const clock: Clock = { now: () => BigInt(Math.floor(time.nowMs() * 1000)) }
    memory.put('things', 'first', { columns: thingColumns, rows: [[1n, clock.now() - 1n, null, 1n, 101n]] })
    const settings = { clock, waits: defaultWaits }
    let commitMs = 0
    const applier = memory.open({
      ...settings,
      around: ({ registry }) => ({
        registry: {
          ...registry,
          async commit(...asked) {
            await time.sleep(commitMs)
            return registry.commit(...asked)
          },
        },
      }),
    })
    const runner = memory.open(settings)
    const writer = memory.open({
      ...settings,
      around: ({ registry }) => ({
        registry: {
          ...registry,
          async snapshot(...asked) {
            const answer = await registry.snapshot(...asked)
            await time.sleep(50)
            return answer
          },
        },
      }),
    })
    await applier.apply(things())
    await applier.materialize('view')
    commitMs = 900
    const applied = applier.apply(things({ features: { v: { type: 'int64', column: 'w' } } }), { allowBreaking: true })
    await time.sleep(890)
    await writer.online('view', [{ k: 1 }])
    await applied
    await time.sleep(100)
    const run = time.within(500, () => runner.materialize('view'))
    await time.sleep(afterMs - 1000)
    await writer.push('view', [{ k: 2, at: clock.now(), v: 2 }])
    expect((await runner.online('view', [{ k: 2 }])).exact).toEqual([[2n]])
    await run
    expect((await runner.online('view', [{ k: 1 }])).exact).toEqual([[101n]])
  })
})
