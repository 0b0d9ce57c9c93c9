import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { type TestContext, afterAll, beforeAll, describe, test } from 'vitest'
import { startCuttingProxy } from '../support/cutting-proxy.ts'
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts'
import { definitionsOf, openPostgresStore } from './postgres-store.ts'

let server: PostgresServer

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => server[Symbol.asyncDispose]())

/** A database of its own, and somebody in it who has begun to append and never ends. */
async function newDatabase({ onTestFinished }: TestContext) {
  const name = `d${randomUUID().replaceAll('-', '')}`
  const maker = new pg.Client({ connectionString: server.url })
  await maker.connect()
  await maker.query(`create database ${name}`)
  await maker.end()
  const url = server.url.replace(/\/provender$/, `/${name}`)
  const other = new pg.Client({ connectionString: url })
  await other.connect()
  await other.query('create table orders (id bigint, n bigint, at timestamptz, written timestamptz)')
  onTestFinished(() => other.end())
  return {
    url,
    lock: async () => void (await other.query('begin; update push_head set next = next')),
    unlock: async () => void (await other.query('rollback')),
    /** What was pushed, and how often it is kept. */
    async kept() {
      const { rows } = await other.query<{ n: number; times: number }>(
        'select vals[2]::int as n, count(*)::int as times from push_row group by 1 order by 1',
      )
      return rows
    },
  }
}

const rowOf = (n: number) => [{ id: n, n, at: new Date('2026-01-01') }]
const once = (...numbers: number[]) => numbers.map((n) => ({ n, times: 1 }))
const accepted = { accepted: 1, superseded: 0, rejected: [] }

// They wait for most of their time.
describe.concurrent('while somebody else holds the push log', () => {
  test('a push ends by its deadline, and is kept once when it is made again with its key', async (context) => {
    const { expect } = context
    const database = await newDatabase(context)
    await using opened = await openPostgresStore(database.url, context.task.id)
    const { store } = opened
    await store.apply(definitionsOf('ada'))
    await store.push('taps', rowOf(0))
    await database.lock()
    const push = async (timeoutMs: number) => store.push('taps', rowOf(1), { idempotencyKey: 'one', timeoutMs })
    for (let tries = 0; tries < 3; tries++) {
      const beganMs = performance.now()
      await expect(push(300)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', retryable: true })
      expect(performance.now() - beganMs).toBeLessThan(1_500)
    }
    expect(await database.kept()).toEqual(once(0))
    // What nobody waits for any more may be kept now, or not.
    await database.unlock()
    expect(await push(5_000)).toEqual(accepted)
    await sleep(500)
    expect(await database.kept()).toEqual(once(0, 1))
  })

  test('a push without a deadline says after some seconds who was in its way, and was not kept', async (context) => {
    const { expect } = context
    const database = await newDatabase(context)
    await using opened = await openPostgresStore(database.url, context.task.id)
    const { store } = opened
    await store.apply(definitionsOf('ada'))
    await store.push('taps', rowOf(0))
    await database.lock()
    const beganMs = performance.now()
    await expect(store.push('taps', rowOf(1))).rejects.toMatchObject({
      code: 'STORE_UNREACHABLE',
      retryable: true,
      message: expect.stringContaining('locked') as string,
    })
    expect(performance.now() - beganMs).toBeLessThan(9_500)
    await database.unlock()
    expect(await store.push('taps', rowOf(2))).toEqual(accepted)
    expect(await database.kept()).toEqual(once(0, 2))
  })

  test('a push whose answer never comes holds others up for 10 s at most, and was kept once', async (context) => {
    const { expect } = context
    await using proxy = await startCuttingProxy(server.port)
    const database = await newDatabase(context)
    await using opened = await openPostgresStore(
      database.url.replace(String(server.port), String(proxy.port)),
      context.task.id,
    )
    const { store } = opened
    await store.apply(definitionsOf('ada'))
    await store.push('taps', rowOf(0))
    await database.lock()
    const push = async (n: number) => store.push('taps', rowOf(n), { idempotencyKey: `push ${n}` })
    const [first, second] = [push(1), sleep(100).then(() => push(2))]
    first.catch(() => undefined)
    await sleep(500)
    // The server gets to it when nobody hears it any more.
    proxy.swallow()
    await database.unlock()
    const beganMs = performance.now()
    await expect(first).rejects.toMatchObject({ code: 'STORE_UNREACHABLE', retryable: true })
    expect(await second).toEqual(accepted)
    expect(performance.now() - beganMs).toBeLessThan(12_000)
    expect(await database.kept()).toEqual(once(0, 1, 2))
    expect(await push(1)).toEqual(accepted)
    expect(await database.kept()).toEqual(once(0, 1, 2))
  })
})
