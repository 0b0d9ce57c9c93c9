import { afterAll, beforeAll, expect, test } from 'vitest'
import { seeded } from '../../src/testing/seeded.ts'
import { startChild } from './child.ts'
import { compare, expectAllEnded, expectCovered } from './compare.ts'
import { History } from './history.ts'
import { type Orders, crashWaits } from './materializer.ts'
import { ownEntity } from './pusher.ts'
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

const rounds = 5

test(
  'two processes materialize a view at once while a third pushes and its files change: all that is refused is a file that changed meanwhile',
  { timeout: 60_000 },
  async () => {
    const seed = Number(process.env['CRASH_SEED'] ?? Date.now() % 1_000_000)
    console.log(`seed ${seed}`)
    const random = seeded(seed)
    await using opened = await openRepository(dir, epoch + 10n * second, { waits: crashWaits })
    const history = new History(dir, random)
    for (const name of ['a', 'b', 'c']) history.writeFile(name, epoch)
    await opened.store.apply(definitionsOf(firstVariant))
    await using children = new AsyncDisposableStack()
    const start = (program: string, ...words: string[]) => children.use(startChild(program, dir, ...words))
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
