import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { randomUUID } from 'node:crypto'
import { readHeader } from '../../src/codecs/packed-row.ts'
import { type RedisPlace, openRedisOnline } from '../../src/engines/redis/online.ts'
import type { OnlineMarks } from '../../src/ports/marks.ts'
import type { OnlineStore, Space } from '../../src/ports/online.ts'
import { onlineLaws } from '../../src/testing/online.ts'
import { keyed, packed, readRows } from '../../src/testing/online-rows.ts'
import { seeded } from '../../src/testing/seeded.ts'
import { byteList } from '../../src/values/byte-list.ts'
import { startCuttingProxy } from '../support/cutting-proxy.ts'
import { startRedis } from '../support/redis-server.ts'
import { until } from '../support/redis-store.ts'

type Place = RedisPlace['place']
type Opened = OnlineStore & OnlineMarks

const space: Space = { view: 'near', generation: 1n }
const nearCache = { maxAgeMs: 60_000, entries: 1000, megabytes: 4 }

function open(place: Place, project: string): Opened {
  const store = openRedisOnline({ place, project })
  onTestFinished(() => store[Symbol.asyncDispose]())
  return store
}

/** Whether a row comes at once, without asking the server. */
const isNear = (store: Opened, key: Uint8Array, of: Space = space): boolean => {
  const found = store.read([{ space: of, keys: byteList([key]) }])
  if (found instanceof Promise) {
    found.catch(() => undefined)
    return false
  }
  return true
}

const eventOf = async (store: Opened, key: Uint8Array): Promise<number> => {
  const row = (await readRows(store, [{ space, keys: [key] }]))[0]?.[0] ?? null
  return row === null ? 0 : Number(readHeader(row).order.event)
}

/** Reads a row until it is kept. */
const warm = async (store: Opened, key: Uint8Array): Promise<void> =>
  until('it is kept', async () => {
    await eventOf(store, key)
    return isNear(store, key)
  })

describe('with rows kept near, the laws hold', () => {
  for (const { law, run } of onlineLaws.filter(
    (each) => !/restored|put back|through several handles|every handle/.test(each.law),
  ))
    test(law, async () => {
      const project = `p${randomUUID()}`
      await run({
        open: async () => openRedisOnline({ place: { url: inject('services').redis, nearCache }, project }),
        backup: async () => {
          throw new Error('It is not needed')
        },
      })
    })
})

describe.each([
  ['Redis', (): Place => ({ url: inject('services').redis })],
  ['a Redis Cluster', (): Place => ({ cluster: inject('services').cluster })],
])('near %s', (_, place) => {
  test('what another client writes is seen when the server has told of it, and at once by who wrote it', async () => {
    const project = `p${randomUUID()}`
    const [near, other] = [open({ ...place(), nearCache }, project), open(place(), project)]
    const keys = Array.from({ length: 30 }, (_key, i) => Buffer.from(`k${i}`))
    for (const [i, key] of keys.entries()) await other.write(space, [keyed(key, packed({ event: i + 1 }))])
    for (const key of keys) await warm(near, key)
    const none = Buffer.from('nobody')
    await warm(near, none)
    await other.write(
      space,
      [...keys, none].map((key) => keyed(key, packed({ event: 100 }))),
    )
    await until('all are told of', async () =>
      (await Promise.all([...keys, none].map((key) => eventOf(near, key)))).every((event) => event === 100),
    )
    for (const key of keys) {
      await warm(near, key)
      await near.write(space, [keyed(key, packed({ event: 200 }))])
      expect(await eventOf(near, key)).toBe(200)
    }
    // Who decides something by it asks the store.
    await warm(near, keys[0] ?? none)
    const fresh = near.read([{ space, keys: byteList(keys) }], { fresh: true })
    expect(fresh).toBeInstanceOf(Promise)
    await fresh
  })

  test('in any interleaving no answer is older than the bound, and it is the store’s when the server has told', async () => {
    const seed = Date.now() % 1_000_000
    const random = seeded(seed)
    const project = `p${randomUUID()}`
    const maxAgeMs = 40
    const near = open({ ...place(), nearCache: { maxAgeMs, entries: 20, megabytes: 1 } }, project)
    const other = open(place(), project)
    const keys = Array.from({ length: 25 }, (_key, i) => Buffer.from(`k${i}`))
    const written = new Map<Buffer, { readonly event: number; readonly doneMs: number }[]>(keys.map((key) => [key, []]))
    let [event, reads, hits] = [0, 0, 0]
    const write = async (): Promise<void> => {
      const key = random.pick(keys)
      const mine = ++event
      await other.write(space, [keyed(key, packed({ event: mine, tombstone: random.int(10) === 0 }))])
      written.get(key)?.push({ event: mine, doneMs: performance.now() })
    }
    const read = async (): Promise<void> => {
      const key = random.pick(keys)
      const nowMs = performance.now()
      const due = (written.get(key) ?? []).filter(({ doneMs }) => doneMs + maxAgeMs < nowMs).map((each) => each.event)
      if (isNear(near, key)) hits += 1
      reads += 1
      expect(await eventOf(near, key), `seed ${seed}`).toBeGreaterThanOrEqual(Math.max(0, ...due))
    }
    const untilMs = performance.now() + 1500
    const acting = Array.from({ length: 6 }, async () => {
      while (performance.now() < untilMs) {
        await (random.int(5) === 0 ? write() : read())
        if (random.int(4) === 0) await sleep(random.int(4))
      }
    })
    await Promise.all(acting)
    expect(Math.min(event, hits), `seed ${seed}`).toBeGreaterThan(20)
    expect(reads).toBeGreaterThan(hits)
    await until(
      `all are told of (seed ${seed})`,
      async () => {
        const [mine, theirs] = await Promise.all(
          [near, other].map(async (store) => Promise.all(keys.map((key) => eventOf(store, key)))),
        )
        return JSON.stringify(mine) === JSON.stringify(theirs)
      },
      1000,
    )
  })
})

test('nothing is kept longer than the bound, nor more than there is room for', async () => {
  const project = `p${randomUUID()}`
  const { redis } = inject('services')
  const few = open({ url: redis, nearCache: { maxAgeMs: 50, entries: 10, megabytes: 1 } }, project)
  const keys = Array.from({ length: 40 }, (_, i) => Buffer.from(`k${i}`))
  await few.write(
    space,
    keys.map((key) => keyed(key, packed({ event: 1 }))),
  )
  await warm(few, keys[0] ?? Buffer.of())
  await sleep(60)
  expect(isNear(few, keys[0] ?? Buffer.of())).toBe(false)
  const large = open({ url: redis, nearCache: { maxAgeMs: 60_000, entries: 10, megabytes: 1 } }, project)
  for (const key of keys) await warm(large, key)
  expect(keys.filter((key) => isNear(large, key)).length).toBeLessThanOrEqual(10)
  const heavy = Array.from({ length: 8 }, (_, i) => Buffer.from(`heavy ${i}`))
  await large.write(
    space,
    heavy.map((key) => keyed(key, packed({ event: 1 }, 'x'.repeat(300_000)))),
  )
  for (const key of heavy) await warm(large, key)
  expect(heavy.filter((key) => isNear(large, key)).length).toBeLessThanOrEqual(3)
})

test('a change that is not told of is missed for no longer than the bound, and by who made it not at all', async () => {
  const { redis } = inject('services')
  const proxy = await startCuttingProxy(Number(new URL(redis).port))
  onTestFinished(() => proxy[Symbol.asyncDispose]())
  const project = `p${randomUUID()}`
  const maxAgeMs = 1000
  const near = open({ url: `redis://127.0.0.1:${proxy.port}`, nearCache: { ...nearCache, maxAgeMs } }, project)
  const other = open({ url: redis }, project)
  const [one, two] = [Buffer.from('one'), Buffer.from('two')]
  for (const key of [one, two]) await warm(near, key)
  // The third connection only listens.
  proxy.swallow(2)
  await other.write(space, [keyed(one, packed({ event: 1 }))])
  const writtenMs = performance.now()
  await near.write(space, [keyed(two, packed({ event: 1 }))])
  expect(await eventOf(near, two)).toBe(1)
  expect(await eventOf(near, one)).toBe(0)
  await sleep(writtenMs + maxAgeMs - performance.now())
  expect(await eventOf(near, one)).toBe(1)
})

test('when the connection that tells of changes is lost, nothing that was kept is served', async () => {
  const server = await startRedis(['--appendonly', 'no'])
  onTestFinished(() => server[Symbol.asyncDispose]())
  const near = open({ url: server.url, nearCache }, 'lost')
  const other = open({ url: server.url }, 'lost')
  const key = Buffer.from('k')
  await other.write(space, [keyed(key, packed({ event: 1 }))])
  for (let event = 2; event < 6; event++) {
    await warm(near, key)
    // The server ends the one that listens, or those that ask.
    const type = event % 2 === 0 ? 'pubsub' : 'normal'
    await server.ask('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes')
    await until('other writes', async () => (await other.write(space, [keyed(key, packed({ event }))])).length > 0)
    await sleep(20)
    await until('the new row is read', async () => (await eventOf(near, key)) === event, 1000)
  }
  await warm(near, key)
  await server.empty()
  await until('it is told that all is gone', async () => (await eventOf(near, key)) === 0, 1000)
})

test('while rows are written in bulk nothing is kept, and afterwards again', async () => {
  const server = await startRedis(['--appendonly', 'no'])
  onTestFinished(() => server[Symbol.asyncDispose]())
  const near = open({ url: server.url, nearCache: { ...nearCache, entries: 100_000 } }, 'bulk')
  const other = open({ url: server.url }, 'bulk')
  const keys = Array.from({ length: 20_000 }, (_, i) => Buffer.from(`k${i}`))
  const rows = (event: number) => keys.map((key) => keyed(key, packed({ event })))
  const [first = Buffer.of()] = keys
  await other.write(space, rows(1))
  await warm(near, first)
  await readRows(near, [{ space, keys }])
  expect(isNear(near, keys[9999] ?? first)).toBe(true)
  const second: Space = { view: 'near', generation: 2n }
  const writing = other.write(second, rows(2))
  await until('nothing is kept', async () => !isNear(near, keys[19_999] ?? first))
  await writing
  await eventOf(near, first)
  expect(isNear(near, first)).toBe(false)
  await warm(near, first)
})
