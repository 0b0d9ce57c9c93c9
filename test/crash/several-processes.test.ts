import { expect, test } from 'vitest'
import { compare, expectAllEnded, expectCovered } from './compare.ts'
import { type Orders, crashWaits } from './materializer.ts'
import { ownEntity } from './pusher.ts'
import { definitionsOf, epoch, firstVariant, second } from './repository.ts'
import { openSetting } from './setting.ts'

const rounds = 5

test(
  'two processes materialize a view at once while a third pushes and its files change: all that is refused is a file that changed meanwhile',
  { timeout: 60_000 },
  async () => {
    await using setting = await openSetting(['a', 'b', 'c'], { now: epoch + 10n * second, waits: crashWaits })
    const { opened, history, random, start } = setting
    await opened.store.apply(definitionsOf(firstVariant))
    const materializers = [1, 2].map(() => start('materializer.ts', String(epoch), String(crashWaits.leaseMs)))
    const pusher = start('pusher.ts', String(epoch), '1', 'nowhere')
    const ended = (line: string): boolean => line.startsWith('ended')
    for (let round = 0; round < rounds; round++) {
      opened.clock.set(opened.clock.now() + second)
      for (const child of materializers) {
        const orders: Orders = {
          now: String(opened.clock.now()),
          repair: random.int(3) === 0,
          start: random.int(3) === 0 ? random.int(600) : null,
          slow: { at: 'wrote all', ms: random.int(30) },
        }
        child.tell(JSON.stringify(orders))
      }
      await new Promise((resolve) => setTimeout(resolve, random.int(200)))
      history.writeFile(random.pick(['a', 'b', `new-${round}`]), opened.clock.now())
      await history.push(opened, {
        of: random.pick(['view', 'source']),
        to: 'both',
        variant: firstVariant,
        rows: 1 + random.int(50),
      })
      for (const child of materializers)
        await child.said(() => child.lines.filter((line) => ended(line)).length > round)
    }
    await pusher.kill()
    const outcomes = materializers.flatMap(({ lines }) => lines.filter((line) => ended(line)))
    console.log(JSON.stringify(outcomes))
    expect(outcomes.length).toBe(2 * rounds)
    const changed = /failed: .*\.csv (was changed|is gone)/
    expect(outcomes.filter((line) => line !== 'ended succeeded' && !changed.test(line))).toEqual([])

    opened.clock.set(opened.clock.now() + second)
    await opened.store.materialize('latest')
    await opened.store.maintain()
    await compare(opened, history, firstVariant)
    await expectCovered(opened)
    await expectAllEnded(opened)
    const pushed = pusher.lines.flatMap((line) => {
      const [, lane, n] = /^pushed (\d+) (\d+) /.exec(line) ?? []
      return lane === undefined ? [] : [{ name: 1, lane: Number(lane), n: Number(n) }]
    })
    expect(pushed.length).toBeGreaterThan(100)
    const keys = pushed.map((push) => ({ k: ownEntity(push) }))
    const values = pushed.map(({ n }) => n)
    const served: number[] = []
    for (let from = 0; from < keys.length; from += 10_000)
      served.push(
        ...(await opened.store.online('latest', keys.slice(from, from + 10_000))).map((row) => Number(row['v'])),
      )
    expect(served).toEqual(values)
  },
)
