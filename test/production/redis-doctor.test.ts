import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { DoctorCheck } from '../../src/contract/store.ts'
import type { Config } from '../../src/define/config.ts'
import { openRedisOnline } from '../../src/engines/redis/online.ts'
import { keyed, packed } from '../../src/testing/online-rows.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { openRedisStore, until } from '../support/redis-store.ts'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis(['--appendonly', 'no', '--maxmemory', '50mb'])
})
afterAll(async () => server[Symbol.asyncDispose]())

const set = async (name: string, value: string): Promise<unknown> => server.ask('CONFIG', 'SET', name, value)

async function look(online: Config['online']): Promise<DoctorCheck> {
  await using opened = await openRedisStore(online, false)
  const found = (await opened.store.doctor()).checks.find(({ name }) => name === 'online-servers')
  if (found === undefined) throw new Error('The doctor looks at the servers')
  return found
}

test('a server that is set up well is named; one that keeps rows badly is worth a look', async () => {
  expect(await look({ url: server.url })).toMatchObject({
    status: 'ok',
    detail: expect.stringMatching(/^1 server, (redis|valkey) \d+\.\d+/) as string,
  })
  await set('hash-max-listpack-value', '64')
  expect(await look({ url: server.url })).toMatchObject({
    status: 'warn',
    detail: expect.stringContaining('hash-max-listpack-value 64') as string,
    remedy: expect.stringContaining('1024') as string,
  })
  // Who may not look at settings is not told of them.
  await server.ask('ACL', 'SETUSER', 'blind', 'reset', 'on', '>word', 'allkeys', '+@all', '-config')
  expect(await look({ url: server.url.replace('//', '//blind:word@') })).toMatchObject({ status: 'ok' })
  await set('hash-max-listpack-value', '1024')
})

test('a server that throws rows away is not used, and used again when it is set right', async () => {
  const space = { view: 'v', generation: 1n }
  await set('maxmemory-policy', 'allkeys-lru')
  await using store = openRedisOnline({ place: { url: server.url }, project: 'evicted' })
  const write = async (): Promise<unknown> => store.write(space, [keyed('k', packed({ event: 1 }))])
  for (let i = 0; i < 2; i++)
    await expect(write()).rejects.toMatchObject({
      code: 'STORE_UNFIT',
      status: 503,
      remedy: expect.stringContaining('noeviction') as string,
    })
  expect(await look({ url: server.url }).catch((thrown: unknown) => thrown)).toMatchObject({ code: 'STORE_UNFIT' })
  await set('maxmemory-policy', 'noeviction')
  await until('it is used', async () => (await write()) !== undefined)
  // It evicts nothing of ours: our keys have no end.
  await set('maxmemory-policy', 'volatile-lru')
  expect(await look({ url: server.url })).toMatchObject({ status: 'ok' })
  // It evicts nothing either, for now.
  await set('maxmemory', '0')
  await set('maxmemory-policy', 'allkeys-random')
  expect(await look({ url: server.url })).toMatchObject({
    status: 'warn',
    detail: expect.stringContaining('maxmemory-policy allkeys-random') as string,
    remedy: expect.stringContaining('noeviction') as string,
  })
})

test('the nodes of a cluster are counted', async () => {
  expect(await look({ cluster: inject('services').cluster })).toMatchObject({
    status: 'ok',
    detail: expect.stringMatching(/^3 servers, /) as string,
  })
})
