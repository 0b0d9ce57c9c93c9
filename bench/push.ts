import { type Measured, type Scenario, inTurn, sizeOf } from './harness/scenario.ts'
import { type Run, SideProcess } from './harness/side-process.ts'

const ours = new URL('./sides/push.ts', import.meta.url)
const client = new URL('./sides/push-client.ts', import.meta.url)
const baseline = new URL('./baselines/synced-appends.ts', import.meta.url)

/** Rows of a large push. */
const many = 100
const ways = ['in process', 'through HTTP'] as const

export const scenario: Scenario = {
  about: (size) =>
    `${sizeOf(size, 'callers')} callers, durable and online; baseline: append + sync per push, one after the other (and by all callers at once, which the file system groups)`,
  full: { callers: 64, seconds: 5 },
  quick: { callers: 64, seconds: 1 },
  rounds: 3,
  figures: ways.flatMap((way) => [
    { name: `1 row, ${way}`, unit: 'pushes/s', goals: [{ of: 'ratio', atLeast: 2 }] },
    { name: `1 row, ${way}, against syncs at once`, unit: 'pushes/s' },
    { name: `1 row, ${way}, p50`, unit: 's' },
    { name: `1 row, ${way}, p99`, unit: 's' },
    { name: `1 row, ${way}, CPU`, unit: 's/push' },
    { name: `${many} rows, ${way}`, unit: 'rows/s', goals: [{ of: 'ours', atLeast: 30_000 }] },
    { name: `${many} rows, ${way}, p99`, unit: 's' },
    { name: `${many} rows, ${way}, CPU`, unit: 's/row' },
  ]),
  async start(size) {
    const [callers, seconds] = [sizeOf(size, 'callers'), sizeOf(size, 'seconds')]
    const synced = async (rows: number): Promise<{ one: number; all: number }> => {
      await using side = await SideProcess.start(baseline)
      const rate = async (by: number): Promise<number> =>
        (await side.run({ callers: by, rows, seconds })).figures['pushes'] ?? Number.NaN
      return { one: await rate(1), all: await rate(callers) }
    }
    return {
      round: async (turn) => {
        const found: Record<string, Measured> = {}
        for (const way of ways)
          for (const rows of [1, many]) {
            const push = (): Promise<Run> => pushes(way, { callers, rows, seconds })
            const { ours: run, baseline: appends } = await inTurn(turn, push, () => synced(rows))
            const each = rows === 1 ? `1 row, ${way}` : `${many} rows, ${way}`
            const figure = (name: string): number => run.figures[name] ?? Number.NaN
            const rate = figure(rows === 1 ? 'pushes' : 'rows')
            found[each] = { ours: rate, baseline: appends.one * rows }
            found[`${each}, against syncs at once`] = { ours: rate, baseline: appends.all * rows }
            found[`${each}, p50`] = { ours: figure('p50') }
            found[`${each}, p99`] = { ours: figure('p99') }
            found[`${each}, CPU`] = { ours: run.cpuSeconds / run.wallSeconds / rate }
          }
        return found
      },
      [Symbol.asyncDispose]: async () => undefined,
    }
  },
}

/** Pushes by one way; what they used is what the process of the store used. */
async function pushes(way: (typeof ways)[number], pushing: object): Promise<Run> {
  const serve = way === 'through HTTP'
  await using store = await SideProcess.start(ours, { input: { serve } })
  if (!serve) return await store.run(pushing)
  await using callers = await SideProcess.start(client, { input: store.info })
  const { result, usage } = await store.during(() => callers.run(pushing))
  return { ...usage, figures: result.figures }
}
