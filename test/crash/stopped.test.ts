import { afterAll, beforeAll, expect, test } from 'vitest'
import { seeded } from '../../src/testing/seeded.ts'
import { runPoints } from '../../src/materialize/deps.ts'
import { change } from './changes.ts'
import { startChild } from './child.ts'
import { compare, expectAllEnded, expectCovered } from './compare.ts'
import { History } from './history.ts'
import { type Orders, crashWaits } from './materializer.ts'
import {
  definitionsOf,
  epoch,
  firstVariant,
  makeRepository,
  openRepository,
  removeRepository,
  second,
} from './repository.ts'

let dir = ''
beforeAll(() => {
  dir = makeRepository()
})
afterAll(() => removeRepository(dir))

const stops = 5
/** Shorter than any stop; nobody can know a stopped process dead, so its lease has to end. */
const leaseMs = 300

// Between batches a stopped process may hold the lock of the online store, for which everybody waits: no stop comes there.
const stopPoints = runPoints.filter((point) => point !== 'wrote a batch')

test(
  `a process that was stopped ${stops} times for longer than its lease does no harm when it goes on`,
  { timeout: 60_000 },
  async () => {
    const seed = Number(process.env['CRASH_SEED'] ?? Date.now() % 1_000_000)
    console.log(`seed ${seed}`)
    const random = seeded(seed)
    await using opened = await openRepository(dir, epoch, { waits: crashWaits })
    const history = new History(dir, random)
    const world = { opened, history, random, variant: firstVariant }
    for (const name of ['a', 'b']) history.writeFile(name, epoch)
    await opened.store.apply(definitionsOf(firstVariant))
    await using child = startChild('materializer.ts', dir, String(epoch), String(leaseMs))
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
