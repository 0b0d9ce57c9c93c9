import { expect, test } from 'vitest'
import { runPoints } from '../../src/materialize/deps.ts'
import { change } from './changes.ts'
import { compare, expectAllEnded, expectCovered } from './compare.ts'
import { type Orders, crashWaits } from './materializer.ts'
import { definitionsOf, epoch, firstVariant, second } from './repository.ts'
import { openSetting } from './setting.ts'

const stops = 5
/** Shorter than any stop; nobody can know a stopped process dead, so its lease has to end. */
const leaseMs = 300

// Between batches a stopped process may hold the lock of the online store, for which everybody waits: no stop comes there.
const stopPoints = runPoints.filter((point) => point !== 'wrote a batch')

test(
  `a process that was stopped ${stops} times for longer than its lease does no harm when it goes on`,
  { timeout: 60_000 },
  async () => {
    await using setting = await openSetting(['a', 'b'], { waits: crashWaits })
    const { opened, history, random } = setting
    const world = { opened, history, random, variant: firstVariant }
    await opened.store.apply(definitionsOf(firstVariant))
    const child = setting.start('materializer.ts', String(epoch), String(leaseMs))
    await child.said((line) => line === 'ready')
    for (const [round, target] of random.shuffle(stopPoints).slice(0, stops).entries()) {
      await change(world, round)
      opened.clock.set(opened.clock.now() + second)
      const orders: Orders = {
        now: String(opened.clock.now()),
        // Only a run that builds a generation switches.
        repair: target === 'switched' || random.int(3) === 0,
        start: null,
        slow: { at: target, ms: 2 * leaseMs },
      }
      const from = child.lines.length
      child.tell(JSON.stringify(orders))
      expect(await child.said((line, index) => index >= from && line === target)).toBe(true)
      child.stop()
      await change(world, 100 + round)
      opened.clock.set(opened.clock.now() + second)
      await opened.store.materialize('latest')
      await compare(opened, history, world.variant)
      await expectCovered(opened)
      child.goOn()
      await child.said((line, index) => index >= from && line.startsWith('ended'))
      expect(child.lines.at(-1), `stopped at "${target}"`).not.toBe('ended succeeded')
      expect(child.lines.slice(child.lines.lastIndexOf(target) + 1)).not.toContain('covered')
      await compare(opened, history, world.variant)
      await expectCovered(opened)
      await expectAllEnded(opened)
    }
  },
)
