import { expect, test } from 'vitest'
import { must } from '../../src/kernel/assert.ts'
import type { RunPoint } from '../../src/materialize/deps.ts'
import { runPoints } from '../../src/materialize/deps.ts'
import { type World, change } from './changes.ts'
import { type Child, spreadOf } from './child.ts'
import { compare, expectAllEnded, expectCovered } from './compare.ts'
import { type Orders, crashWaits } from './materializer.ts'
import { definitionsOf, firstVariant, second } from './repository.ts'
import { openSetting } from './setting.ts'

const kills = 20
const killsInside = 15
const pointsHit = 5

test(
  `kill -9 of materialize at ${kills} random points: the next one takes over at once, and serves what history says`,
  { timeout: 120_000 },
  async () => {
    await using setting = await openSetting(['a', 'b', 'c'], { waits: crashWaits })
    const { opened, history, random } = setting
    const world: World = { opened, history, random, variant: firstVariant }
    await opened.store.apply(definitionsOf(world.variant))
    const landed: string[] = []
    const start = (): Child => setting.start('materializer.ts', String(opened.clock.now()), String(crashWaits.leaseMs))
    let next = start()
    const targets = random.shuffle(
      Array.from({ length: kills }, (_, i) => must(runPoints[i % runPoints.length], 'a point')),
    )
    for (const [round, target] of targets.entries()) {
      const child = next
      next = start()
      await change(world, round)
      landed.push(await killWithin(world, child, target))
      await takeOver(world)
      await compare(opened, history, world.variant)
      await expectCovered(opened)
      await expectAllEnded(opened)
    }
    const { within, met } = spreadOf(landed, runPoints)
    expect(within).toBeGreaterThanOrEqual(killsInside)
    expect(met).toBeGreaterThanOrEqual(pointsHit)
  },
)

/** Lets the child materialize and kills it, some time after it has reached a point; answers the point after which that was, proved by what it had said at its death. */
async function killWithin({ opened, random }: World, child: Child, target: RunPoint): Promise<RunPoint | 'outside'> {
  await child.said((line) => line === 'ready')
  opened.clock.set(opened.clock.now() + second)
  const orders: Orders = {
    now: String(opened.clock.now()),
    // Only a run that builds a generation switches.
    repair: target === 'switched' || random.int(4) === 0,
    start: random.int(4) === 0 ? random.int(600) : null,
    slow: { at: target, ms: random.pick([0, 20, 40]) },
  }
  child.tell(JSON.stringify(orders))
  const ended = (line: string): boolean => line.startsWith('ended')
  await child.said((line) => line === target || ended(line))
  await new Promise((resolve) => setTimeout(resolve, random.int(20)))
  await child.kill()
  const last = child.lines.at(-1)
  return runPoints.find((point) => point === last) ?? 'outside'
}

/** Another process materializes: it never waits for the lease of the dead one. */
async function takeOver({ opened, random }: World): Promise<void> {
  opened.clock.set(opened.clock.now() + second)
  if (random.int(3) === 0) await opened.store.maintain()
  const phases = new Set<string>()
  const [run] = await opened.store.materialize('latest', { onProgress: ({ phase }) => phases.add(phase) })
  expect(run?.state).toBe('succeeded')
  expect(phases).not.toContain('waiting')
}
