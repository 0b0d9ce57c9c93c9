import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { readHeader } from '../../src/codecs/packed-row.ts'
import { openRedisOnline } from '../../src/engines/redis/online.ts'
import type { OnlineStore, Space } from '../../src/ports/online.ts'
import { keyed, packed, readRows } from '../../src/testing/online-rows.ts'
import { byteList } from '../../src/values/byte-list.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { until } from '../support/redis-store.ts'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis(['--appendonly', 'no'])
})
afterAll(async () => server[Symbol.asyncDispose]())

const space: Space = { view: 'near', generation: 1n }
const key = Buffer.from('k')
/** Longer than any test: what is seen to be new was not waited for. */
const nearCache = { maxAgeMs: 600_000, entries: 10, megabytes: 1 }

const allow = async (...rules: string[]): Promise<unknown> => server.ask('ACL', 'SETUSER', 'near', ...rules)
const killed = async (type: 'pubsub' | 'normal'): Promise<unknown> =>
  server.ask('CLIENT', 'KILL', 'USER', 'near', 'TYPE', type)

beforeEach(() => allow('reset', 'on', '>word', 'allkeys', 'allchannels', '+@all'))

/** Who keeps rows near, and another one who writes. */
function open(): { near: OnlineStore; write: (event: number) => Promise<unknown> } {
  const project = `p${randomUUID()}`
  const near = openRedisOnline({
    place: { url: server.url.replace('//', '//near:word@'), nearCache },
    project,
  })
  const other = openRedisOnline({ place: { url: server.url }, project })
  onTestFinished(async () => {
    await Promise.all([near, other].map((store) => store[Symbol.asyncDispose]()))
  })
  return { near, write: async (event) => other.write(space, [keyed(key, packed({ event }))]) }
}

const eventOf = async (store: OnlineStore): Promise<number> => {
  const row = (await readRows(store, [{ space, keys: [key] }]))[0]?.[0] ?? null
  return row === null ? 0 : Number(readHeader(row).order.event)
}

/** Whether a row comes at once, without asking the server. */
function isNear(store: OnlineStore): boolean {
  const found = store.read([{ space, keys: byteList([key]) }])
  if (found instanceof Promise) found.catch(() => undefined)
  return !(found instanceof Promise)
}

const warm = async (store: OnlineStore): Promise<void> =>
  until('it is kept', async () => (await eventOf(store).catch(() => 0)) > 0 && isNear(store))

test('who is told of nothing any more keeps nothing, until he may listen again', async () => {
  const { near, write } = open()
  await write(1)
  await warm(near)
  await allow('-subscribe')
  await killed('pubsub')
  await until('it is noticed', async () => !isNear(near), 1_000)
  for (let event = 2; event < 8; event++) {
    await write(event)
    expect(await eventOf(near)).toBe(event)
    await sleep(100)
  }
  await allow('+subscribe')
  await warm(near)
  expect(await eventOf(near)).toBe(7)
})

test('a server that does not want to tell is asked again', async () => {
  const { near, write } = open()
  await allow('-client|tracking')
  await write(1)
  for (let tries = 0; tries < 10; tries++) {
    await eventOf(near)
    expect(isNear(near)).toBe(false)
    await sleep(30)
  }
  await allow('+client|tracking')
  await warm(near)
})

test('while the connection that reads is lost, nothing that was kept is served: the server has forgotten to whom to tell', async () => {
  const { near, write } = open()
  await write(1)
  await warm(near)
  // It may not come back, and the one that listens is there still.
  await allow('off')
  await killed('normal')
  await until('it is noticed', async () => !isNear(near), 1_000)
  await write(2)
  expect(await eventOf(near).catch(() => 'nothing')).toBe('nothing')
  await allow('on')
  await until('it is back', async () => (await eventOf(near).catch(() => 0)) === 2)
})
