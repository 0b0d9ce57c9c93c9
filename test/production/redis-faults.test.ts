import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import type { Store } from '../../src/contract/store.ts'
import { openRedisOnline } from '../../src/engines/redis/online.ts'
import { keyed, packed, readRows } from '../../src/testing/online-rows.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import {
  type RedisStore,
  keepPushing,
  listedIds,
  openRedisStore,
  served,
  unlessOperating,
  until,
} from '../support/redis-store.ts'

async function start(extra: readonly string[] = []): Promise<RedisServer> {
  const server = await startRedis(extra)
  onTestFinished(() => server[Symbol.asyncDispose]())
  return server
}

/** A store whose rounds end before its servers do. */
async function open(server: RedisServer, rounds = true): Promise<RedisStore> {
  const opened = await openRedisStore({ url: server.url }, rounds)
  onTestFinished(() => opened[Symbol.asyncDispose]())
  return opened
}

const ids = 40

/** Waits until every row of the history is served, and none that was acknowledged is missing. */
async function healed(store: Store, acknowledged: ReadonlyMap<number, number>): Promise<void> {
  const history = async (): Promise<(number | null)[]> => {
    await using table = await store.snapshot('seen', { at: new Date(Date.now() + 1000) })
    const found = new Map((await table.rows()).map((row) => [Number(row['id']), Number(row['n'])]))
    return Array.from({ length: ids }, (_, id) => found.get(id) ?? null)
  }
  const known = await history()
  for (const [id, n] of acknowledged) expect(known[id]).toBeGreaterThanOrEqual(n)
  await until('all of the file is served', async () =>
    (await served(store, listedIds, 'listed')).every((n, id) => n === id),
  )
  await until('all that was pushed is served', async () => {
    const now = await served(store, ids)
    return known.every((n, id) => now[id] === n)
  })
}

test.each([
  ['with what it had written', ['--appendonly', 'yes']],
  ['with nothing', ['--appendonly', 'no']],
])('a Redis killed under pushes and runs comes back %s: no acknowledged push is missing', async (_, how) => {
  const server = await start(how)
  const { store } = await open(server)
  // Covered, so that an emptied store is known to be harmed.
  await store.push('hits', [{ id: 0, n: -1, at: new Date() }])
  await store.materialize()
  const pushing = keepPushing(store, ids)
  const runs: Promise<unknown>[] = []
  for (let kills = 0; kills < 3; kills++) {
    await sleep(150)
    runs.push(store.materialize().catch(unlessOperating))
    await sleep(5 + 20 * kills)
    await server.kill()
    await sleep(100)
    await server.restart()
  }
  await sleep(150)
  const { acknowledged } = await pushing.stop()
  await Promise.all(runs)
  expect(acknowledged.size).toBeGreaterThan(5)
  await healed(store, acknowledged)
})

test('a Redis that stands still: reads and pushes fail within their deadlines, and recover by themselves', async () => {
  const server = await start()
  const { store } = await open(server)
  const row = (n: number) => [{ id: 1, n, at: new Date() }]
  await store.push('hits', row(0))
  server.signal('SIGSTOP')
  const stoppedAtMs = performance.now()
  const codes = new Map<string, number>()
  let [slowestMs, asked] = [0, 0]
  const ask = async (work: () => Promise<unknown>, deadlineMs: number): Promise<void> => {
    const startedMs = performance.now()
    const code = await work().then(
      () => 'answered',
      (thrown: unknown) => {
        unlessOperating(thrown)
        return (thrown as { code: string }).code
      },
    )
    asked += 1
    codes.set(code, (codes.get(code) ?? 0) + 1)
    slowestMs = Math.max(slowestMs, performance.now() - startedMs - deadlineMs)
  }
  const all: Promise<void>[] = []
  while (performance.now() - stoppedAtMs < 5000) {
    all.push(ask(async () => store.online('seen', [{ id: 1 }], { timeoutMs: 250 }), 250))
    if (all.length % 10 === 0) all.push(ask(async () => store.push('hits', row(all.length), { timeoutMs: 400 }), 400))
    await sleep(10)
  }
  await Promise.all(all)
  expect(asked).toBe(all.length)
  // Told that the store is away, which is 503; a push may hear that time is up.
  expect([...codes.keys()].filter((code) => !['STORE_UNREACHABLE', 'DEADLINE_EXCEEDED'].includes(code))).toEqual([])
  expect(codes.get('STORE_UNREACHABLE')).toBeGreaterThan(0.9 * asked)
  // Far less than it stood still.
  expect(slowestMs).toBeLessThan(1000)
  server.signal('SIGCONT')
  const continuedAtMs = performance.now()
  await until('reads are answered', async () => (await served(store, 2))[1] !== null)
  await until('pushes are taken', async () => (await store.push('hits', row(-1))).superseded + 1 > 0)
  expect(performance.now() - continuedAtMs).toBeLessThan(3000)
})

test('an emptied Redis is filled again without a command, and never serves what is wrong meanwhile', async () => {
  const server = await start()
  const opened = await open(server)
  const { store } = opened
  await store.push(
    'hits',
    Array.from({ length: ids }, (_, id) => ({ id, n: id, at: new Date() })),
  )
  await store.materialize()
  const full = await served(store, ids)
  expect(full).toEqual(Array.from({ length: ids }, (_, id) => id))
  expect(await served(store, listedIds, 'listed')).toEqual(Array.from({ length: listedIds }, (_, id) => id))
  let reads = 0
  let going = true
  const isFull = async (): Promise<boolean> =>
    (await served(store, ids)).every((n, id) => n === id) &&
    (await served(store, listedIds, 'listed')).every((n, id) => n === id)
  const reading = (async () => {
    while (going) {
      // A row that is lost is not there; one that is there is whole and right.
      for (const view of ['seen', 'listed'])
        for (const [id, n] of (await served(store, ids, view)).entries()) expect([null, id]).toContain(n)
      reads += 1
      await sleep(2)
    }
  })()
  for (let i = 0; i < 3; i++) {
    await server.empty()
    await until('it is filled again', isFull)
    await sleep(120)
  }
  going = false
  await reading
  expect(reads).toBeGreaterThan(10)
  await opened.stopRounds()
  await server.empty()
  expect(await served(store, ids)).toEqual(full.map(() => null))
})

test('a Redis without room: a clear error, nothing half written, and all is well when it gets more', async () => {
  const server = await start(['--maxmemory', '4mb', '--maxmemory-policy', 'noeviction'])
  const { store } = await open(server)
  const padding = 'p'.repeat(500)
  const { definitions } = await store.registry()
  await store.apply({
    ...definitions,
    sources: { hits: { type: 'push', schema: { id: 'int64', n: 'int64', text: 'string' }, timestamp: 'at' } },
    views: { seen: { entities: ['user'], source: 'hits', features: { n: 'int64', text: 'string' } } },
  })
  const batch = (from: number) =>
    Array.from({ length: 500 }, (_, i) => ({
      id: from + i,
      n: from + i,
      text: `${from + i} ${padding}`,
      at: new Date(),
    }))
  await using online = openRedisOnline({ place: { url: server.url }, project: 'faults' })
  const space = { view: 'old', generation: 1n }
  const old = Array.from({ length: 10 }, (_, i) => keyed(`old ${i}`, packed({ event: i })))
  await online.write(space, old)
  let [full, pushed] = [false, 0]
  for (; !full && pushed < 20_000; pushed += 500) {
    await store.push('hits', batch(pushed), { timeoutMs: 2000 }).catch((thrown: unknown) => {
      expect(thrown).toMatchObject({
        code: 'STORE_FULL',
        status: 503,
        remedy: expect.stringContaining('maxmemory') as string,
      })
      full = true
    })
  }
  expect(full).toBe(true)
  const all = Array.from({ length: pushed }, (_, id) => ({ id }))
  const look = async (): Promise<number> => {
    let there = 0
    for (let i = 0; i < all.length; i += 5000)
      for (const [j, row] of (await store.online('seen', all.slice(i, i + 5000))).entries()) {
        if (row['n'] === null) continue
        there += 1
        expect([Number(row['n']), row['text']]).toEqual([i + j, `${i + j} ${padding}`])
      }
    return there
  }
  // What is there is served, whole; rows of the log that found no room are not.
  const there = await look()
  expect(there).toBeGreaterThan(0)
  expect(there).toBeLessThan(pushed)
  await expect(store.push('hits', batch(0), { timeoutMs: 2000 })).rejects.toMatchObject({ code: 'STORE_FULL' })
  // What makes room is let through.
  const rule = { eventBefore: 5n, revisionUpTo: 9n, tombstones: true }
  let [freed, after] = [0, undefined as Uint8Array | undefined]
  do {
    const slice = await online.sweep(space, rule, after)
    freed += slice.freed
    after = slice.next ?? undefined
  } while (after !== undefined)
  expect(freed).toBe(5)
  await online.drop(space)
  expect((await readRows(online, [{ space, keys: old.map(({ key }) => key) }]))[0]).toEqual(old.map(() => null))
  // What scripts have used, a server may count no longer.
  await server.ask('CONFIG', 'SET', 'maxmemory', '3mb')
  await expect(online.write(space, old)).rejects.toMatchObject({ code: 'STORE_FULL' })
  await server.ask('CONFIG', 'SET', 'maxmemory', '100mb')
  await until('all that was pushed is served', async () => (await look()) === pushed)
  expect((await store.push('hits', batch(0))).accepted).toBe(500)
})
