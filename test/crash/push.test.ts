import { expect, test } from 'vitest'
import { must } from '../../src/kernel/assert.ts'
import type { PushAnswer } from '../../src/contract/store.ts'
import { type Child, spreadOf } from './child.ts'
import { type Numbered, hotEntity, keyOf, lanes, ownEntity, rowsOf } from './pusher.ts'
import { type OpenRepository, definitionsOf, epoch, firstVariant, second } from './repository.ts'
import { openSetting } from './setting.ts'

const rounds = 6
const pushersAtOnce = 2

interface Pusher {
  readonly name: number
  readonly startedAt: bigint
  /** A head of the log from before it was started. */
  readonly from: bigint
  /** The point where it is slow. */
  readonly slow: string
  readonly child: Child
}

/** What a pusher had said when it was killed. */
interface Words {
  readonly acknowledged: readonly (Numbered & { readonly answer: PushAnswer })[]
  /** Pushes that were under way. */
  readonly cut: readonly Numbered[]
}

test(
  `kill -9 of ${rounds * pushersAtOnce} pushers: what was acknowledged is history and online, a retry with a key is the same push`,
  { timeout: 120_000 },
  async () => {
    // A file of the source tells its columns.
    await using setting = await openSetting(['a'])
    const { opened, random } = setting
    await opened.store.apply(definitionsOf(firstVariant))
    const start = (name: number, from: bigint): Pusher => {
      // Its own minutes of time: each push has its own microsecond.
      const startedAt = epoch + BigInt(name) * second
      const slow = must(points[name % points.length], 'a point')
      return {
        name,
        startedAt,
        from,
        slow,
        child: setting.start('pusher.ts', String(startedAt), String(name), slow),
      }
    }
    const startPair = async (round: number): Promise<Pusher[]> => {
      const from = await opened.engines.log.head()
      return Array.from({ length: pushersAtOnce }, (_, i) => start(1 + round * pushersAtOnce + i, from))
    }
    const landed: string[] = []
    let waiting = await startPair(0)
    for (let round = 0; round < rounds; round++) {
      const pushers = waiting
      const words: [Pusher, Words][] = []
      for (const pusher of pushers) {
        const atLeast = random.int(120)
        const anywhere = random.int(3) === 0
        await pusher.child.said((line, index) => index > atLeast && (anywhere || line.startsWith(pusher.slow)))
        await new Promise((resolve) => setTimeout(resolve, random.int(6)))
        expect(await pusher.child.kill(), 'the pusher ended by itself').toBe(true)
        words.push([pusher, wordsOf(pusher)])
      }
      if (round + 1 < rounds) waiting = await startPair(round + 1)
      for (const [{ child }, { cut }] of words) if (cut.length > 0) landed.push(child.lines.at(-1)?.split(' ')[0] ?? '')
      opened.clock.set(epoch + 60n * second + BigInt(round) * second)
      for (const [pusher, said] of words) {
        await expectOnline(opened, said.acknowledged)
        await retry(opened, pusher, said)
        await expectLogged(opened, pusher, said)
      }
      await opened.store.maintain()
      for (const [pusher, said] of words) await expectHistory(opened, pusher, said)
    }
    const { within, met } = spreadOf(landed, points)
    expect(within).toBeGreaterThanOrEqual(10)
    expect(met).toBeGreaterThanOrEqual(2)
  },
)

/** Of a push, in their order. Other lanes may be at others. */
const points = ['trying', 'writing', 'wrote', 'pushed'] as const

function wordsOf({ name, child }: Pusher): Words {
  const words = child.lines.flatMap((line) => {
    const [, word = '', lane, n, answer = ''] = /^(trying|pushed) (\d+) (\d+) ?(.*)$/.exec(line) ?? []
    return word === '' ? [] : [{ word, numbered: { name, lane: Number(lane), n: Number(n) }, answer }]
  })
  const acknowledged = words
    .filter(({ word }) => word === 'pushed')
    .map(({ numbered, answer }) => ({ ...numbered, answer: JSON.parse(answer) as PushAnswer }))
  const done = new Set(acknowledged.map(keyOf))
  const cut = words.map(({ numbered }) => numbered).filter((each) => !done.has(keyOf(each)))
  return { acknowledged, cut }
}

/** A push is answered after its rows were written online: they are there without a catch-up. */
async function expectOnline(opened: OpenRepository, pushes: readonly Numbered[]): Promise<void> {
  const served = await opened.store.online(
    'latest',
    pushes.map((push) => ({ k: ownEntity(push) })),
  )
  expect(served.map((row) => row['v'])).toEqual(pushes.map(({ n }) => n))
  const newest = new Map<number, number>()
  for (const push of pushes) newest.set(hotEntity(push), Math.max(push.n, newest.get(hotEntity(push)) ?? 0))
  const hot = await opened.store.online(
    'latest',
    [...newest.keys()].map((k) => ({ k })),
  )
  for (const [i, [k, n]] of [...newest].entries())
    expect(Number(hot[i]?.['v']), `the newest of entity ${k}`).toBeGreaterThanOrEqual(n)
}

/** Retries, under another clock, what was cut and some of what was acknowledged. */
async function retry(opened: OpenRepository, { startedAt }: Pusher, { acknowledged, cut }: Words): Promise<void> {
  const keyed = ({ lane }: Numbered): boolean => lanes[lane]?.keyed === true
  const again = async (push: Numbered): Promise<PushAnswer> =>
    opened.store.push(lanes[push.lane]?.target ?? '', rowsOf(push, startedAt), { idempotencyKey: keyOf(push) })
  for (const push of acknowledged.filter(keyed).slice(-4)) expect(await again(push)).toEqual(push.answer)
  for (const push of cut.filter(keyed)) expect(await again(push)).toEqual({ accepted: 2, superseded: 0, rejected: [] })
}

/** Every acknowledged push is one record, whole; so is a cut one that was retried; any other cut one is a whole record or none. */
async function expectLogged(
  opened: OpenRepository,
  { name, startedAt, from }: Pusher,
  { acknowledged, cut }: Words,
): Promise<void> {
  const all = [...acknowledged, ...cut]
  const byEntity = new Map(all.map((push) => [ownEntity(push), push]))
  const counts = new Map<string, number>()
  for await (const { record } of opened.engines.log.changes({ from, before: await opened.engines.log.head() })) {
    const [own, hot] = record.rows.map((row) => Number(row.values[record.columns.findIndex((c) => c.name === 'k')]))
    const push = byEntity.get(own ?? NaN)
    if (push === undefined) {
      expect(Math.floor((own ?? 0) / 10_000_000), 'a record of nobody').not.toBe(name)
      continue
    }
    expect(hot).toBe(hotEntity(push))
    counts.set(keyOf(push), (counts.get(keyOf(push)) ?? 0) + 1)
    const retried = cut.includes(push)
    if (!retried)
      for (const row of record.rows)
        expect(row.created < startedAt + second, 'created when it was pushed first').toBe(true)
  }
  expect(acknowledged.filter((push) => counts.get(keyOf(push)) !== 1)).toEqual([])
  const cutCounts = cut.map((push) => [push.lane, counts.get(keyOf(push)) ?? 0] as const)
  for (const [lane, count] of cutCounts) expect(lanes[lane]?.keyed === true ? [1] : [0, 1]).toContain(count)
}

/** After the catch-up, history and online agree on all that was pushed. */
async function expectHistory(
  opened: OpenRepository,
  { name, startedAt }: Pusher,
  { acknowledged }: Words,
): Promise<void> {
  const table = await opened.store.events('latest', { start: startedAt, end: startedAt + second })
  const rows = await table.rows({ instants: 'micros' })
  const seen = new Map<string, number>()
  for (const row of rows)
    seen.set(
      `${String(row['k'])} ${String(row['event_timestamp'])}`,
      (seen.get(`${String(row['k'])} ${String(row['event_timestamp'])}`) ?? 0) + 1,
    )
  const wanted = acknowledged.flatMap((push) => rowsOf(push, startedAt).map(({ k, at }) => `${k} ${at}`))
  expect(
    wanted.filter((row) => seen.get(row) !== 1),
    `rows of pusher ${name} in history`,
  ).toEqual([])
  const latest = new Map<number, number>()
  for (const row of rows) latest.set(Number(row['k']), Number(row['v']))
  const ks = [...latest.keys()]
  const served = await opened.store.online(
    'latest',
    ks.map((k) => ({ k })),
  )
  expect(served.map((row) => Number(row['v']))).toEqual(ks.map((k) => latest.get(k)))
}
