import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import type { Run } from '../../src/contract/store.ts'
import { openStore } from '../../src/compose/open-store.ts'
import { newFolder } from '../cli/shop.ts'
import { startChild } from '../crash/child.ts'
import { openSchema } from '../support/postgres-schema.ts'
import { scrape } from '../support/scrape.ts'
import { type ApiServer, openApiServers } from './api-servers.ts'

const views = ['one', 'two', 'three']
const definitions = `
entities:
  customer: { key: int64 }
sources:
  purchases: { type: push, timestamp: event_timestamp, schema: { customer: int64, amount: float64 } }
views:
${views.map((view) => `  ${view}: { entities: [customer], source: purchases, features: { amount: float64 } }`).join('\n')}
`
const customers = 500
const runsOfEach = 8
const earliest = '2026-01-01T00:00:00Z'

async function ask(server: ApiServer | undefined, path: string, body?: unknown): Promise<Record<string, unknown>> {
  const answer = await fetch(`${server?.url}${path}`, {
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    headers: { 'content-type': 'application/json', 'x-timeout-ms': '20000' },
  })
  expect(answer.status, await answer.clone().text()).toBeLessThan(300)
  return (await answer.json()) as Record<string, unknown>
}

const push = (server: ApiServer | undefined, amount: number) =>
  ask(server, '/v1/push/purchases', {
    rows: Array.from({ length: customers }, (_, customer) => ({ customer, amount, event_timestamp: earliest })),
    to: 'offline',
  })

/** Queues runs of all views on a server, each of which reads everything anew; answers their ids. */
async function queue(server: ApiServer | undefined): Promise<string[]> {
  const ids: string[] = []
  for (let i = 0; i < runsOfEach; i++) {
    const { runs } = await ask(server, '/v1/materialize', { views, start: earliest })
    ids.push(...(runs as Run[]).map(({ id }) => id))
  }
  return ids
}

const runLog = async (server: ApiServer | undefined): Promise<Run[]> =>
  (await ask(server, '/v1/runs?limit=1000'))['runs'] as Run[]

const isOver = ({ state }: Run): boolean => state !== 'queued' && state !== 'running'

/** Runs that a server itself has brought to a good end. */
async function succeededOn(server: ApiServer | undefined): Promise<number> {
  const { samples } = await scrape(server?.url ?? '')
  return samples
    .filter(({ name, labels }) => name === 'provender_materialization_runs_total' && labels['status'] === 'succeeded')
    .reduce((sum, { value }) => sum + value, 0)
}

/** Pairs of runs of one view that were under way at the same time. */
function overlapping(runs: readonly Run[]): string[] {
  const spans = runs
    .filter(({ startedAt }) => startedAt !== null)
    .map(({ id, view, startedAt, seconds }) => ({ id, view, from: Date.parse(startedAt ?? ''), seconds }))
  return spans.flatMap((a) =>
    spans
      .filter((b) => b !== a && b.view === a.view && b.from > a.from && b.from < a.from + a.seconds * 1000 - 1)
      .map((b) => `${a.id} ${b.id}`),
  )
}

test(
  'many runs queued on two servers: each is done once, by one of them, and of a view one at a time; those of a killed server by the other',
  { timeout: 60_000 },
  async () => {
    await using world = await openApiServers(definitions, [[], []])
    const [first, second] = world.servers
    await push(first, 1)
    const ids = (await Promise.all([queue(first), queue(second)])).flat()
    await expect.poll(async () => (await runLog(first)).every(isOver), { timeout: 40_000 }).toBe(true)
    const all = await runLog(second)
    expect(all.map(({ id }) => id).toSorted()).toEqual(ids.toSorted())
    expect(all.filter(({ state, rows }) => state !== 'succeeded' || rows !== customers)).toEqual([])
    expect(overlapping(all)).toEqual([])
    const each = await Promise.all([succeededOn(first), succeededOn(second)])
    expect(each).toEqual([ids.length / 2, ids.length / 2])

    await push(first, 2)
    const left = new Set((await Promise.all([queue(first), queue(second)])).flat())
    await first?.end('SIGKILL')
    await expect.poll(async () => (await runLog(second)).every(isOver), { timeout: 40_000 }).toBe(true)
    const runs = (await runLog(second)).filter(({ id }) => !ids.includes(id))
    const taken = runs.filter(({ state }) => state !== 'succeeded')
    expect(taken.length).toBeGreaterThan(views.length)
    const successors = taken.map(
      ({ error }) => /^Its process has ended; (run_\w+) goes on with it$/.exec(error?.detail ?? '')?.[1],
    )
    expect(new Set(successors).size).toBe(taken.length)
    // Each that was queued has ended well, or the one that goes on with it has.
    expect(
      runs
        .filter(({ id }) => !left.has(id))
        .map(({ id }) => id)
        .toSorted(),
    ).toEqual(successors.map(String).toSorted())
    expect(runs.filter(({ state, rows }) => state === 'succeeded' && rows !== customers)).toEqual([])
    expect(overlapping(runs)).toEqual([])
    const read = await ask(second, '/v1/online', { features: 'one:amount', entities: { customer: [0, customers - 1] } })
    expect(read['rows']).toEqual([{ values: [2] }, { values: [2] }])
  },
)

/** Longer than a process that does not stand still waits for its turn, where others keep the machine busy. */
const leaseMs = 2000
/** Rounds of workers, renewals that are tried again, a machine that others keep busy. */
const slackMs = 10_000

test(
  'a worker that stands still for longer than its lease loses its run to another, and does no harm when it goes on',
  { timeout: 90_000 },
  async () => {
    await using owned = new AsyncDisposableStack()
    const schema = owned.use(await openSchema())
    const folder = newFolder()
    owned.defer(() => rmSync(folder.dir, { recursive: true, force: true }))
    const settings = [`project: s${schema.url.slice(-12)}`, `metadata: ${schema.url}`, `offline: ${schema.url}`]
    folder.write('provender.yaml', [...settings, `online: ${inject('services').redis}`, ''].join('\n'))
    const store = owned.use(await openStore(folder.dir))
    const view = { entities: ['customer'], source: 'purchases', features: { amount: 'float64' } }
    await store.apply({
      entities: { customer: { key: 'int64' } },
      sources: { purchases: { type: 'push', timestamp: 'at', schema: { customer: 'int64', amount: 'float64' } } },
      views: { one: view },
      on_demand: {},
      services: {},
    })
    const rows = (amount: number, count: number) =>
      Array.from({ length: count }, (_, customer) => ({
        customer,
        amount,
        at: new Date(Date.UTC(2026, 0, 1) + amount),
      }))
    const workers = ['a', 'b'].map(() =>
      owned.use(startChild(join(import.meta.dirname, 'lease-worker.ts'), folder.dir, String(leaseMs))),
    )
    for (const worker of workers) expect(await worker.said((line) => line === 'ready')).toBe(true)
    for (const [i, point] of ['begun', 'wrote a batch', 'wrote all', 'stamped done'].entries()) {
      const worker = workers[i % 2]
      const heard = worker?.lines.length ?? 0
      await store.push('purchases', rows(10 * i + 1, customers), { to: 'offline' })
      worker?.tell(point)
      expect(await worker?.said((line, at) => at >= heard && line === `stops at ${point}`)).toBe(true)
      const stoppedMs = performance.now()
      await expect
        .poll(async () => (await store.runs()).map(({ state }) => state), { timeout: leaseMs + slackMs, interval: 50 })
        .toEqual([
          'succeeded',
          'failed',
          ...Array.from({ length: 2 * i }, (_, at) => (at % 2 === 0 ? 'succeeded' : 'failed')),
        ])
      const tookMs = performance.now() - stoppedMs
      console.log(`stopped at "${point}": taken over and done after ${Math.round(tookMs)} ms`)
      expect(tookMs).toBeLessThan(leaseMs + slackMs)
      // What comes later must not be overtaken by what the stopped one still has in its hands.
      await store.push('purchases', rows(10 * i + 2, 7))
      worker?.goOn()
      expect(await worker?.said((line, at) => at >= heard && line.startsWith('ended'))).toBe(true)
      expect(worker?.lines.slice(heard).filter((line) => line.startsWith('ended'))).toEqual([
        expect.stringMatching(/^ended failed: .*(?:took over|goes on with it|stamped by another run)/),
      ])
      await new Promise((resolve) => setTimeout(resolve, 500))
      const served = await store.online(
        'one',
        rows(0, customers).map(({ customer }) => ({ customer })),
      )
      expect(served.map((row) => row['amount'])).toEqual(
        Array.from({ length: customers }, (_, customer) => 10 * i + (customer < 7 ? 2 : 1)),
      )
      // Nothing is left to heal: no run came after.
      expect((await store.runs()).length).toBe(2 * i + 2)
    }
    for (const worker of workers) expect(worker.lines.filter((line) => line.startsWith('maintain'))).toEqual([])
  },
)
