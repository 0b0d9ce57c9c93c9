import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openPostgresOffline } from '../../src/engines/postgres/offline.ts'
import { openPostgresPushLog } from '../../src/engines/postgres/push-log.ts'
import type { OfflineStore } from '../../src/ports/offline.ts'
import { append } from '../../src/testing/offline-bench.ts'
import { type DuckdbBench, openBench } from '../support/duckdb-bench.ts'
import { type PostgresServer, startPostgres, startReplica } from '../support/postgres-server.ts'
import { startCuttingProxy } from '../support/cutting-proxy.ts'
import { answers, count, joined, many, manyRows, streamed, whoAfter } from './reading.ts'

let primary: PostgresServer
let replica: PostgresServer
let bench: DuckdbBench

beforeAll(async () => {
  primary = await startPostgres({ max_connections: '20' })
  replica = await startReplica(primary, { max_connections: '20', max_standby_streaming_delay: '100ms' })
  bench = await openBench()
})
afterAll(async () => {
  await bench[Symbol.asyncDispose]()
  await replica[Symbol.asyncDispose]()
  await primary[Symbol.asyncDispose]()
})

const open = (replicas: readonly string[] = [], url = primary.url): OfflineStore =>
  openPostgresOffline({ url, replicas, local: bench.offline })

/** Runs SQL on a server, beside everything else. */
async function ask(server: PostgresServer, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: server.url })
  client.on('error', () => undefined)
  await client.connect()
  const { rows } = await client.query<Record<string, unknown>>(sql)
  await client.end()
  return rows
}

const sleepers = `select pid from pg_stat_activity where state = 'active' and query like 'copy %pg_sleep%'`

const running = async (server: PostgresServer): Promise<number> => (await ask(server, sleepers)).length

/** Reads that a replica runs: begun anew where it was behind for a moment, and the primary ran them. */
async function runOn(server: PostgresServer, begin: () => Promise<unknown>[]): Promise<Promise<unknown>[]> {
  for (let tries = 0; tries < 10; tries++) {
    const reading = begin()
    const ended = Promise.allSettled(reading)
    while ((await Promise.race([ended, sleep(20)])) === undefined)
      if ((await running(server)) === reading.length) return reading
  }
  throw new Error('It never ran them')
}

const untilRuns = (server: PostgresServer): Promise<void> =>
  expect.poll(() => running(server), { timeout: 5_000 }).toBe(1)

const unreachable = { code: 'STORE_UNREACHABLE', retryable: true }

for (const how of ['fast', 'immediate', 'kill'] as const) {
  const end = (server: PostgresServer): Promise<void> => (how === 'kill' ? server.kill() : server.stop(how))

  test(`a server that ends (${how}) breaks a read off loudly, and the next read is whole`, async () => {
    await using offline = open()
    const reading = count(offline, many, (rows) => (rows === 2_048 ? end(primary) : undefined))
    await expect(reading).rejects.toMatchObject(unreachable)
    // One that begins meanwhile waits for it.
    const [joining] = [joined(offline, whoAfter(0)), await primary.restart()]
    expect(await joining).toBe(false)
    expect(await count(offline, many)).toBe(manyRows)
  })

  test(`a server that ends (${how}) before an answer ends the read at once`, async () => {
    await using offline = open()
    const joining = joined(offline, whoAfter(20))
    joining.catch(() => undefined)
    await untilRuns(primary)
    await end(primary)
    await expect(joining).rejects.toMatchObject(unreachable)
    await primary.restart()
    expect(await joined(offline, whoAfter(0))).toBe(false)
  })
}

test('who has written reads what was written, from the primary where the replica is behind', async () => {
  await using offline = open([replica.url])
  await ask(primary, 'create table written (k bigint)')
  const read = (): Promise<number> => count(offline, `select k, now() as at from written`)
  await expect.poll(() => joined(offline, whoAfter(0)), { timeout: 8_000 }).toBe(true)
  await ask(replica, 'select pg_wal_replay_pause()')
  try {
    for (let n = 1; n <= 5; n++) {
      await ask(primary, 'insert into written values (1)')
      expect(await read()).toBe(n)
      expect(await joined(offline, whoAfter(0))).toBe(false)
    }
  } finally {
    await ask(replica, 'select pg_wal_replay_resume()')
  }
  await expect.poll(() => joined(offline, whoAfter(0)), { timeout: 8_000 }).toBe(true)
  await ask(primary, 'drop table written')
})

test('a replica that goes away fails no read, and is asked again when it is back', async () => {
  await using offline = open([replica.url])
  await expect.poll(() => joined(offline, whoAfter(0)), { timeout: 8_000 }).toBe(true)
  const reading = await runOn(replica, () => [joined(offline, whoAfter(1)), count(offline, whoAfter(1.1))])
  await replica.kill()
  expect(await Promise.all(reading)).toEqual([false, 1])
  for (let n = 0; n < 20; n++) expect(await joined(offline, whoAfter(0))).toBe(false)
  await replica.restart()
  await expect.poll(() => joined(offline, whoAfter(0)), { timeout: 8_000 }).toBe(true)
})

test('a replica that goes away in the middle of an answer breaks it off loudly', async () => {
  await using offline = open([replica.url])
  await expect.poll(() => joined(offline, whoAfter(0)), { timeout: 8_000 }).toBe(true)
  /** Of a read that the primary runs, since the replica was behind for a moment, nothing is learned. */
  const elsewhere = new Error('The primary runs it')
  const killing = async (): Promise<void> => {
    const copying = await ask(
      replica,
      `select pid from pg_stat_activity where state = 'active' and query like 'copy %'`,
    )
    if (copying.length === 0) throw elsewhere
    await replica.kill()
  }
  let told: unknown
  do
    told = await count(offline, many, (rows) => (rows === 2_048 ? killing() : undefined)).catch(
      (thrown: unknown) => thrown,
    )
  while (told === elsewhere)
  expect(told).toMatchObject(unreachable)
  await replica.restart()
})

test('what a replica cancels for what it has to replay is read from the primary', async () => {
  await using offline = open([replica.url])
  await ask(primary, 'create table held (x int); insert into held values (1)')
  await expect.poll(() => joined(offline, whoAfter(0)), { timeout: 8_000 }).toBe(true)
  const reading = await runOn(replica, () => [
    joined(offline, whoAfter(1, 'held, ')),
    count(offline, whoAfter(1.1, 'held, ')),
  ])
  await ask(primary, 'begin; lock table held in access exclusive mode; commit')
  expect(await Promise.all(reading)).toEqual([false, 1])
  // The replica is there all the same.
  await expect.poll(() => joined(offline, whoAfter(0)), { timeout: 8_000 }).toBe(true)
})

test('a network that is cut in the middle of an answer is told, and the next read is whole', async () => {
  await using proxy = await startCuttingProxy(primary.port)
  await using offline = open([], primary.url.replace(String(primary.port), String(proxy.port)))
  for (const bytes of [10_000, 100_000, 20_000_000]) {
    expect(await joined(offline, whoAfter(0))).toBe(false)
    proxy.cutAfter(bytes)
    await expect(count(offline, many)).rejects.toMatchObject(unreachable)
  }
  expect(proxy.cuts).toBe(3)
  // Connections that nobody uses may be gone without a word, all of them: a read tries others.
  await Promise.all(Array.from({ length: 5 }, () => joined(offline, whoAfter(0.2))))
  proxy.cutAfter(0)
  expect(await joined(offline, whoAfter(0))).toBe(false)
  expect(proxy.cuts).toBeGreaterThan(3)
  expect(await count(offline, many)).toBe(manyRows)
})

test('a network that swallows everything keeps nobody beyond the deadline', async () => {
  await using proxy = await startCuttingProxy(primary.port)
  await using offline = open([], primary.url.replace(String(primary.port), String(proxy.port)))
  const calls = Array.from({ length: 5 }, () => joined(offline, whoAfter(1), { deadlineAtMs: Date.now() + 1_500 }))
  const told = Promise.allSettled(calls)
  await expect.poll(() => running(primary)).toBe(5)
  proxy.swallow()
  const beganMs = performance.now()
  for (const answer of await told) expect(answer).toMatchObject({ reason: { code: 'DEADLINE_EXCEEDED' } })
  const counting = count(offline, many, async (rows) => void (rows === 2_048 && proxy.swallow()), {
    deadlineAtMs: Date.now() + 1_000,
  })
  await expect(counting).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  expect(performance.now() - beganMs).toBeLessThan(3_500)
  expect(await joined(offline, whoAfter(0))).toBe(false)
  // So does one that nobody was using.
  proxy.swallow()
  const idle = joined(offline, whoAfter(0), { deadlineAtMs: Date.now() + 300 })
  await expect(idle).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  expect(await joined(offline, whoAfter(0))).toBe(false)
  // One without a deadline tries one of many, and then trusts none of the others.
  await Promise.all(Array.from({ length: 5 }, () => joined(offline, whoAfter(0.2))))
  proxy.swallow()
  expect(await joined(offline, whoAfter(0))).toBe(false)
})

test('what nobody waits for any more is ended on the server: aborted, out of time, disposed', async () => {
  await using offline = open()
  const abort = new AbortController()
  const aborted = joined(offline, whoAfter(30), { signal: abort.signal })
  aborted.catch(() => undefined)
  await untilRuns(primary)
  abort.abort()
  await expect(aborted).rejects.toMatchObject({ code: 'INTERRUPTED' })
  await expect.poll(() => running(primary), { timeout: 3_000 }).toBe(0)

  const late = joined(offline, whoAfter(30), { deadlineAtMs: Date.now() + 300 })
  await expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  await expect.poll(() => running(primary), { timeout: 3_000 }).toBe(0)

  for (let n = 0; n < 15; n++) {
    const counting = count(offline, many, () => Promise.reject(new Error('Enough')))
    await expect(counting).rejects.toThrow('Enough')
  }
  await expect
    .poll(() => ask(primary, `select pid from pg_stat_activity where state = 'active' and query like 'copy %'`), {
      timeout: 1_000,
    })
    .toEqual([])
})

test('a query is cancelled before its connection is closed: a pooler in between would know of no such query any more', async () => {
  await using proxy = await startCuttingProxy(primary.port)
  await using offline = open([], primary.url.replace(String(primary.port), String(proxy.port)))
  const late = joined(offline, whoAfter(30), { deadlineAtMs: Date.now() + 300 })
  await expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  const cancelRequest = 80877102
  const heard = (): unknown[] =>
    proxy.heard.map(([, said]) =>
      said === 'closed' ? said : said.readInt32BE(4) === cancelRequest ? 'cancel' : 'begin',
    )
  await expect.poll(heard).toEqual(['begin', 'cancel', 'closed', 'closed'])
  expect(proxy.heard.at(-1)?.[0]).toBe(0)
})

test('a read that was read to its end gives its connection back', async () => {
  await using offline = open()
  const made = async (): Promise<number> => {
    await ask(primary, 'select pg_stat_force_next_flush()')
    const [row] = await ask(primary, `select sessions::int as made from pg_stat_database where datname = 'provender'`)
    return (row as { made: number }).made
  }
  expect(await count(offline, whoAfter(0))).toBe(1)
  const before = await made()
  for (let n = 0; n < 20; n++) {
    expect(await count(offline, whoAfter(0))).toBe(1)
    expect(await joined(offline, whoAfter(0))).toBe(false)
  }
  // Those who count take some themselves.
  expect((await made()) - before).toBeLessThan(5)
})

test('where no connection is left a read says so, an aborted one is ended all the same, and all goes on afterwards', async () => {
  await using offline = open()
  const abort = new AbortController()
  const aborted = joined(offline, whoAfter(30), { signal: abort.signal })
  aborted.catch(() => undefined)
  await untilRuns(primary)
  const watcher = new pg.Client({ connectionString: primary.url })
  await watcher.connect()
  const others: pg.Client[] = []
  try {
    for (;;) {
      const other = new pg.Client({ connectionString: primary.url })
      other.on('error', () => undefined)
      await other.connect()
      others.push(other)
    }
  } catch (thrown) {
    expect(thrown).toMatchObject({ code: '53300' })
  }
  const hurried = joined(offline, whoAfter(0), { deadlineAtMs: Date.now() + 300 })
  await expect(hurried).rejects.toMatchObject({
    ...unreachable,
    message: expect.stringContaining('too many clients') as string,
    remedy: expect.stringContaining('max_connections') as string,
  })
  abort.abort()
  await expect(aborted).rejects.toMatchObject({ code: 'INTERRUPTED' })
  await expect.poll(async () => (await watcher.query(sleepers)).rowCount, { timeout: 3_000 }).toBe(0)
  for (const other of others) await other.end()
  await watcher.end()
  await sleep(100)
  expect(await joined(offline, whoAfter(0))).toBe(false)
})

test('a spine that is too long for the text of a query goes to the primary', async () => {
  await using offline = open([replica.url])
  const who = async (rows: number): Promise<unknown> => {
    const path = `${bench.dir}/spine-${rows}.parquet`
    await bench.sql(
      `COPY (SELECT 1::BIGINT AS k, TIMESTAMP '2026-01-01' AS moment FROM range(${rows})) TO '${path}' (FORMAT parquet)`,
    )
    return answers(offline, whoAfter(0), { kind: 'file', path, format: 'parquet' })
  }
  await expect.poll(() => who(1_000), { timeout: 10_000 }).toEqual({ rows: 1_000, replica: true })
  expect(await who(1_000_001)).toEqual({ rows: 1_000_001, replica: false })
})

test('readers who stand still hold no connection that a push needs; a read for which there is none says so', async () => {
  await using offline = open()
  await using log = openPostgresPushLog(primary.url)
  const reads = await Promise.all(Array.from({ length: 10 }, () => offline.query({ plan: streamed(many) })))
  const batches = reads.map((read) => read.batches()[Symbol.asyncIterator]())
  for (const each of batches) expect((await each.next()).done).toBe(false)
  const startedMs = performance.now()
  await append(log, 'view', [{ name: 'k', type: 'int64' }], [{ event: 1n, created: 1n, tie: 1n, values: [1n] }])
  expect(performance.now() - startedMs).toBeLessThan(2_000)
  const hurried = joined(offline, whoAfter(0), { deadlineAtMs: Date.now() + 300 })
  await expect(hurried).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  for (const read of reads) await read[Symbol.asyncDispose]()
  expect(await joined(offline, whoAfter(0))).toBe(false)
})
