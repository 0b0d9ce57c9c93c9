import calculateSlot from 'cluster-key-slot'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { examineRedis } from '../../src/engines/redis/examine.ts'
import { entityKey } from '../../src/engines/redis/layout.ts'
import type { NearCacheLimits } from '../../src/engines/redis/near-cache.ts'
import { openRedisOnline } from '../../src/engines/redis/online.ts'
import type { OnlineMarks } from '../../src/ports/marks.ts'
import type { OnlineStore, Space } from '../../src/ports/online.ts'
import { keyed, packed, readRows } from '../../src/testing/online-rows.ts'
import { readHeader } from '../../src/codecs/packed-row.ts'
import { byteList } from '../../src/values/byte-list.ts'
import { until } from '../support/redis-store.ts'
import { type RedisCluster, type RedisServer, startRedisCluster } from '../support/redis-server.ts'

let cluster: RedisCluster
beforeAll(async () => {
  cluster = await startRedisCluster()
})
afterAll(async () => cluster[Symbol.asyncDispose]())

const project = 'moving'
const space: Space = { view: 'moving', generation: 1n }

function open(nearCache?: NearCacheLimits): OnlineStore & OnlineMarks {
  const place = { cluster: cluster.urls, ...(nearCache === undefined ? {} : { nearCache }) }
  const store = openRedisOnline({ place, project })
  onTestFinished(() => store[Symbol.asyncDispose]())
  return store
}

const idOf = async (node: RedisServer): Promise<string> => String(await node.ask('CLUSTER', 'MYID'))

/** Who has a slot, and another one that could. */
async function endsOf(slot: number): Promise<[from: RedisServer, to: RedisServer]> {
  const ranges = (await cluster.nodes[0]?.ask('CLUSTER', 'SLOTS')) as [number, number, [string, number]][]
  const port = ranges.find(([first, last]) => first <= slot && slot <= last)?.[2][1]
  const primaries = new Set(ranges.map(([, , [, at]]) => at))
  const from = cluster.nodes.find((node) => node.port === port)
  const to = cluster.nodes.find((node) => node.port !== port && primaries.has(node.port))
  if (from === undefined || to === undefined) throw new Error('Every slot has an owner')
  return [from, to]
}

/** Moves a slot from one node to the other, a few keys at a time. */
async function moveSlot(
  slot: number,
  [from, to]: readonly [RedisServer, RedisServer],
  pauseMs: number,
): Promise<number> {
  await to.ask('CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', await idOf(from))
  await from.ask('CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', await idOf(to))
  let moved = 0
  for (;;) {
    const keys = (await from.ask('CLUSTER', 'GETKEYSINSLOT', String(slot), '3')) as string[]
    if (keys.length === 0) break
    await from.ask('MIGRATE', '127.0.0.1', String(to.port), '', '0', '2000', 'KEYS', ...keys)
    moved += keys.length
    await sleep(pauseMs)
  }
  for (const node of [to, from]) await node.ask('CLUSTER', 'SETSLOT', String(slot), 'NODE', await idOf(to))
  return moved
}

/** Keys of one slot. */
function keysIn(slot: number, count: number): Buffer[] {
  const keys: Buffer[] = []
  for (let i = 0; keys.length < count; i++) {
    const key = Buffer.from(`k${i}`)
    if (calculateSlot(entityKey(project, key)) === slot) keys.push(key)
  }
  return keys
}

/** The event times of the rows of keys, 0 where there is none. */
const eventsOf = async (store: OnlineStore, keys: readonly Buffer[]): Promise<number[]> =>
  ((await readRows(store, [{ space, keys: [...keys] }]))[0] ?? []).map((row) =>
    row === null ? 0 : Number(readHeader(row).order.event),
  )

test('reads and writes stay right while a slot moves between nodes, and after it', async () => {
  const slot = 4321
  // Half of them are there from the start, so that some are new to a slot that moves.
  const moving = keysIn(slot, 24)
  const others = Array.from({ length: 24 }, (_, i) => Buffer.from(`other ${i}`))
  const keys = [...moving, ...others]
  const [writer, reader] = [open(), open()]
  const near = open({ maxAgeMs: 60_000, entries: 1000, megabytes: 1 })
  const stood = keys.filter((_, i) => i % 2 === 0)
  await writer.write(
    space,
    stood.map((key) => keyed(key, packed({ event: 1 }))),
  )
  await reader.birth(space, 0n)
  const written = new Map<Buffer, number>(keys.map((key) => [key, stood.includes(key) ? 1 : 0]))
  let [going, reads, writes, slowestMs] = [true, 0, 0, 0]
  const timed = async <T>(work: Promise<T>): Promise<T> => {
    const startedMs = performance.now()
    const answer = await work
    slowestMs = Math.max(slowestMs, performance.now() - startedMs)
    return answer
  }
  const reading = (async () => {
    while (going) {
      const least = keys.map((key) => written.get(key) ?? 0)
      const found = await timed(eventsOf(reader, keys))
      for (const [i, event] of found.entries()) expect(event).toBeGreaterThanOrEqual(least[i] ?? 0)
      reads += 1
      await sleep(1)
    }
  })()
  const readingNear = (async () => {
    for (; going; await sleep(1)) await eventsOf(near, keys)
  })()
  const writing = (async () => {
    for (let event = 2; going; event++) {
      const part = keys.filter((_, i) => i % 3 === event % 3)
      const rows = part.map((key) => keyed(key, packed({ event })))
      const done = await timed(writer.write(space, rows))
      expect(new Set(done)).toEqual(new Set(['applied']))
      for (const key of part) written.set(key, event)
      writes += 1
      await sleep(1)
    }
  })()
  const ends = await endsOf(slot)
  const moved = await moveSlot(slot, ends, 200)
  await sleep(100)
  await moveSlot(slot, [ends[1], ends[0]], 10)
  await sleep(100)
  going = false
  await Promise.all([reading, readingNear, writing])
  // What was kept of a server that had a key before, or was only just being given it, is kept no longer.
  await until(
    'what is near is what is there',
    async () => (await eventsOf(near, keys)).every((event, i) => event === written.get(keys[i] as Buffer)),
    1000,
  )
  expect(moved).toBeGreaterThanOrEqual(moving.length / 2)
  expect(Math.min(reads, writes)).toBeGreaterThan(20)
  // Nobody waited until all had moved.
  expect(slowestMs).toBeLessThan(800)
  // Counted once, wherever they were written.
  expect((await writer.readMarks([space]))[0]?.held).toEqual({
    rows: keys.length,
    newestEvent: BigInt(Math.max(...written.values())),
  })
})

test('nothing is kept of a node to which a slot has moved and that tells of nothing', async () => {
  const slot = 5678
  const keys = keysIn(slot, 3)
  const ends = await endsOf(slot)
  const rules = ['reset', 'on', '>word', 'allkeys', 'allchannels', '+@all']
  for (const node of cluster.nodes) await node.ask('ACL', 'SETUSER', 'near', ...rules)
  await ends[1].ask('ACL', 'SETUSER', 'near', '-client|tracking')
  const other = open()
  const near = openRedisOnline({
    place: {
      cluster: cluster.urls.map((url) => url.replace('//', '//near:word@')),
      nearCache: { maxAgeMs: 600_000, entries: 1000, megabytes: 1 },
    },
    project,
  })
  onTestFinished(() => near[Symbol.asyncDispose]())
  const isNear = (): boolean => {
    const found = near.read([{ space, keys: byteList(keys) }])
    if (found instanceof Promise) found.catch(() => undefined)
    return !(found instanceof Promise)
  }
  const write = async (event: number): Promise<unknown> =>
    other.write(
      space,
      keys.map((key) => keyed(key, packed({ event }))),
    )
  await write(1)
  for (let event = 2; event < 10; event++) {
    await until(
      'they are kept',
      async () => (await eventsOf(near, keys)).every((each) => each === event - 1) && isNear(),
    )
    await moveSlot(slot, ends, 0)
    // The node that had them tells that they are gone; they are looked up there once more, and found where they are.
    await sleep(50)
    expect(await eventsOf(near, keys)).toEqual(keys.map(() => event - 1))
    await write(event)
    expect(await eventsOf(near, keys)).toEqual(keys.map(() => event))
    await moveSlot(slot, [ends[1], ends[0]], 0)
  }
})

test('a node that has forgotten its scripts is told them again', async () => {
  const store = open()
  const row = keyed('scripts', packed({ event: 1 }))
  await store.write(space, [row])
  for (const node of cluster.nodes) await node.ask('SCRIPT', 'FLUSH')
  expect((await readRows(store, [{ space, keys: [row.key] }]))[0]?.[0]).not.toBeNull()
  for (const node of cluster.nodes) await node.ask('SCRIPT', 'FLUSH')
  expect(await store.write(space, [keyed('scripts', packed({ event: 2 }))])).toEqual(['applied'])
})

test('a slot that nobody serves is found, with what to do', async () => {
  const place = { cluster: cluster.urls }
  expect((await examineRedis({ place, project })).flaws).toEqual([])
  const slot = '77'
  const [owner] = await endsOf(Number(slot))
  for (const node of cluster.nodes) await node.ask('CLUSTER', 'DELSLOTS', slot).catch(() => undefined)
  const { flaws } = await examineRedis({ place, project })
  expect(flaws).toMatchObject([
    {
      grave: true,
      detail: expect.stringContaining('16383 of 16384') as string,
      remedy: expect.stringContaining('redis-cli --cluster check') as string,
    },
  ])
  await owner.ask('CLUSTER', 'ADDSLOTS', slot)
})
