import calculateSlot from 'cluster-key-slot'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { entityKey } from '../../src/engines/redis/layout.ts'
import { openRedisOnline } from '../../src/engines/redis/online.ts'
import { isProvenderError } from '../../src/kernel/errors.ts'
import type { Space } from '../../src/ports/online.ts'
import { keyed, packed, readRows } from '../../src/testing/online-rows.ts'
import { type RedisCluster, type RedisServer, startRedisCluster } from '../support/redis-server.ts'
import { keepPushing, openRedisStore, served, unlessOperating, until } from '../support/redis-store.ts'

let cluster: RedisCluster
beforeAll(async () => {
  cluster = await startRedisCluster()
})
afterAll(async () => cluster[Symbol.asyncDispose]())

/** The primary of a slot, when its replica has all that it has. */
async function followedPrimaryOf(slot: number): Promise<RedisServer> {
  let primary: RedisServer | undefined
  await until('the replica follows', async () => {
    const ranges = (await cluster.nodes[0]?.ask('CLUSTER', 'SLOTS')) as [number, number, ...[string, number][]][]
    const [, , ...places] = ranges.find(([first, last]) => first <= slot && slot <= last) ?? []
    primary = cluster.nodes.find((node) => node.port === places[0]?.[1])
    return places.length === 2 && String(await primary?.ask('INFO', 'replication')).includes('state=online')
  })
  if (primary === undefined) throw new Error('Every slot has a primary')
  return primary
}

/** Lets a primary have no replica from now on: what it acknowledges then is nowhere else. (One that stands still has what lies in its socket.) */
async function leaveAlone(primary: RedisServer): Promise<void> {
  await primary.ask('ACL', 'SETUSER', 'default', '-psync', '-sync')
  await primary.ask('CLIENT', 'KILL', 'TYPE', 'replica')
}

const ids = 60

test('a primary is killed, its replica takes over without the last writes: nothing acknowledged is missing, and nobody does anything', async () => {
  const opened = await openRedisStore({ cluster: cluster.urls })
  onTestFinished(() => opened[Symbol.asyncDispose]())
  const { store } = opened
  await store.push(
    'hits',
    Array.from({ length: ids }, (_, id) => ({ id, n: -1, at: new Date() })),
  )
  await store.materialize()
  const primary = await followedPrimaryOf(0)
  const errors: number[] = []
  let [going, answered, brokenSinceMs, longestMs] = [true, 0, 0, 0]
  const reading = (async () => {
    for (let i = 0; going; i++) {
      const startedMs = performance.now()
      try {
        await store.online('seen', [{ id: i % ids }], { timeoutMs: 250 })
        answered += 1
      } catch (thrown) {
        unlessOperating(thrown)
        errors.push(i % ids)
        brokenSinceMs ||= startedMs
        longestMs = performance.now() - brokenSinceMs
      }
      await sleep(2)
    }
  })()
  const pushing = keepPushing(store, ids)
  await sleep(400)
  // What is acknowledged from here on, the replica never gets.
  await leaveAlone(primary)
  const only = Array.from({ length: 200 }, (_, i) => ids + i)
  for (let i = 0; i < only.length; i += 20)
    await store.push(
      'hits',
      only.slice(i, i + 20).map((id) => ({ id, n: id, at: new Date() })),
    )
  await sleep(300)
  await primary.kill()
  const killedAtMs = performance.now()
  await until('all are read again', async () => (await served(store, ids)).length === ids)
  const outageMs = performance.now() - killedAtMs
  await sleep(500)
  going = false
  await reading
  const { acknowledged } = await pushing.stop()
  expect(acknowledged.size).toBeGreaterThan(5)
  expect(answered).toBeGreaterThan(100)
  expect(longestMs).toBeGreaterThan(500)
  expect(outageMs).toBeLessThan(10_000)
  // Only those of its slots could not be read.
  expect(new Set(errors).size).toBeLessThan(ids / 2)
  await until('nothing acknowledged is missing', async () => {
    const now = await served(store, ids + only.length)
    return only.every((id) => now[id] === id) && [...acknowledged].every(([id, n]) => (now[id] ?? -2) >= n)
  })
  await primary.restart()
  expect((await store.push('hits', [{ id: 1, n: 1_000_000, at: new Date() }])).accepted).toBe(1)
  expect((await served(store, ids))[1]).toBe(1_000_000)
})

test('with replicas waited for, no acknowledged write is lost to a failover; one that they do not have is told', async () => {
  const [project, space] = ['waited', { view: 'waited', generation: 1n } satisfies Space]
  const store = openRedisOnline({ place: { cluster: cluster.urls, wait: { replicas: 1, timeoutMs: 500 } }, project })
  onTestFinished(() => store[Symbol.asyncDispose]())
  const keys = Array.from({ length: 300 }, (_, i) => Buffer.from(`w${i}`))
  const slot = calculateSlot(entityKey(project, keys[0] ?? Buffer.of()))
  const primary = await followedPrimaryOf(slot)
  const acknowledged: Buffer[] = []
  const codes = new Set<string>()
  const write = async (key: Buffer): Promise<void> => {
    try {
      const call = { acknowledged: true, deadlineAtMs: Date.now() + 2000 }
      await store.write(space, [keyed(key, packed({ event: 1 }))], call)
      acknowledged.push(key)
    } catch (thrown) {
      unlessOperating(thrown)
      if (isProvenderError(thrown)) codes.add(thrown.code)
    }
  }
  await Promise.all(keys.slice(0, 200).map(write))
  expect(codes).toEqual(new Set())
  await leaveAlone(primary)
  await Promise.all(keys.slice(200).map(write))
  expect(codes).toEqual(new Set(['NOT_REPLICATED']))
  // Whoever is told nothing of replicas does not wait for them.
  expect(await store.write(space, [keyed('other', packed({ event: 1 }))])).toEqual(['applied'])
  await primary.kill()
  const soon = (): { deadlineAtMs: number } => ({ deadlineAtMs: Date.now() + 250 })
  await until('the replica takes over', async () => (await readRows(store, [{ space, keys }], soon())).length === 1)
  const [rows = []] = await readRows(store, [{ space, keys: acknowledged }])
  expect(acknowledged.length).toBeGreaterThan(200)
  expect(rows.filter((row) => row === null)).toEqual([])
})
