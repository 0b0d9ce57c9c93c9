import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { definitionsOf, openPostgresStore, servedOf } from './postgres-store.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  await client.query('create schema shop; create schema other')
  await client.end()
})
afterAll(async () => server[Symbol.asyncDispose]())

/** A way to the server that does with what a connection begins with as poolers do: it refuses settings, or throws them away. */
async function startPooler(setting: string, how: 'refuses' | 'ignores'): Promise<AsyncDisposable & { url: string }> {
  const pooler = createServer((near) => {
    const far = connect(server.port, '127.0.0.1')
    for (const end of [near, far]) end.on('error', () => [near, far].forEach((each) => each.destroy()))
    near.once('data', (said: Buffer) => {
      const words = said.toString('latin1', 8).split('\0')
      const at = words.indexOf(setting)
      if (at !== -1 && how === 'refuses') {
        const fields = Buffer.from(`SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: ${setting}\0\0`)
        const head = Buffer.from('E\0\0\0\0')
        head.writeInt32BE(fields.length + 4, 1)
        near.end(Buffer.concat([head, fields]))
        return
      }
      if (at !== -1) words.splice(at, 2)
      const kept = Buffer.concat([said.subarray(0, 8), Buffer.from(words.join('\0'), 'latin1')])
      kept.writeInt32BE(kept.length, 0)
      far.write(kept)
      near.pipe(far)
      far.pipe(near)
    })
  })
  await once(pooler.listen(0, '127.0.0.1'), 'listening')
  const { port } = pooler.address() as AddressInfo
  return {
    url: server.url.replace(String(server.port), String(port)),
    async [Symbol.asyncDispose]() {
      pooler.close()
    },
  }
}

const inShop = '?options=-c%20search_path%3Dshop'

test('a pooler that refuses what is set is told of, with what to do', async () => {
  await using pooler = await startPooler('lock_timeout', 'refuses')
  await using opened = await openPostgresStore(pooler.url, 'pooled')
  const beganMs = performance.now()
  await expect(opened.store.versions()).rejects.toMatchObject({
    code: 'STORE_UNREACHABLE',
    message: expect.stringContaining('pooler') as string,
    remedy: expect.stringContaining('production.md#connection-poolers') as string,
  })
  expect(performance.now() - beganMs).toBeLessThan(4_000)
})

test('behind a pooler that throws the schema of the url away nothing is written into another one', async () => {
  await using pooler = await startPooler('options', 'ignores')
  await using opened = await openPostgresStore(`${pooler.url}${inShop}`, 'pooled')
  await expect(opened.store.versions()).rejects.toMatchObject({
    code: 'STORE_UNFIT',
    message: expect.stringContaining('not in shop') as string,
    remedy: expect.stringContaining('alter role') as string,
  })
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  const { rows } = await client.query(`select schemaname, tablename from pg_tables where schemaname = 'public'`)
  await client.end()
  expect(rows).toEqual([])
})

test('one that hands all on, and schemas of any form, are fine', async () => {
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  await client.query('create table shop.orders (id bigint, n bigint, at timestamptz, written timestamptz)')
  await client.end()
  await using pooler = await startPooler('nothing', 'ignores')
  for (const [project, options] of [
    ['a', inShop],
    ['b', '?options=-csearch_path%3Dother,"shop"'],
    ['c', '?options=--search_path%3Dshop,other'],
  ] as const) {
    await using opened = await openPostgresStore(`${pooler.url}${options}`, project)
    await opened.store.apply(definitionsOf(project))
    await opened.store.push('taps', [{ id: 0, n: 5, at: new Date() }])
    expect(await servedOf(opened.store, 'tapped', 1)).toEqual([5])
  }
})
