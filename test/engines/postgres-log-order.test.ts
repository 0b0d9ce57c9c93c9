import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { openPostgresPushLog } from '../../src/engines/postgres/push-log.ts'
import type { PushLog } from '../../src/ports/push-log.ts'
import { newSchema } from '../support/postgres-schema.ts'

const record = (event: bigint) => ({
  target: { kind: 'source', name: 'taps' } as const,
  to: 'both' as const,
  columns: [{ name: 'n', type: 'int64' as const }],
  rows: [{ event, created: 1n, tie: 1n, values: [event] }],
  deadLetters: [],
  replayed: [],
})

/** What an append is to the server, as a statement of a transaction that somebody holds open. */
const appendSql = (event: number): string => `select * from push_append(
  1, array[null]::text[], array[null]::bigint[], array[null]::text[], array[null]::text[], 0,
  array[1], array[0], array[(select min(shape) from push_shape)], array['both'], array[${event}]::bigint[], array[1]::bigint[], array[1]::bigint[], array['{${event}}'],
  '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')`

/** Follows a log from one head to the next, as cursors do. */
function follow(log: PushLog): { readonly seen: bigint[]; look(): Promise<readonly bigint[]> } {
  const seen: bigint[] = []
  let from = 0n
  return {
    seen,
    async look() {
      const before = await log.head()
      for await (const { record: found } of log.changes({ from, before }))
        seen.push(...found.rows.map(({ event }) => event))
      from = before
      return seen
    },
  }
}

async function openLog(): Promise<{ url: string; log: PushLog }> {
  const url = await newSchema()
  const log = openPostgresPushLog(url)
  onTestFinished(() => log[Symbol.asyncDispose]())
  await log.append([record(1n)])
  return { url, log }
}

test('an append that commits late is not lost: no later one is seen before it', async () => {
  const { url, log } = await openLog()
  const reader = follow(log)
  await reader.look()
  const late = new pg.Client({ connectionString: url })
  await late.connect()
  await late.query('begin')
  await late.query(appendSql(2))
  const later = log.append([record(3n)])
  for (let n = 0; n < 10; n++) {
    expect(await reader.look()).toEqual([1n])
    await sleep(20)
  }
  await late.query('commit')
  await late.end()
  await later
  expect(await reader.look()).toEqual([1n, 2n, 3n])
  expect(await reader.look()).toEqual([1n, 2n, 3n])
})

test('many who append at once and take their time to commit: a reader that follows sees each once', async () => {
  const { url, log } = await openLog()
  const reader = follow(log)
  let going = true
  const reading = (async () => {
    while (going) await reader.look()
  })()
  const writers = Array.from({ length: 6 }, async (_, writer) => {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    for (let n = 0; n < 10; n++) {
      await client.query('begin')
      await client.query(appendSql(100 * (writer + 1) + n))
      await sleep(Math.random() * 8)
      await client.query(n % 5 === 4 ? 'rollback' : 'commit')
      if (n % 2 === 0) await log.append([record(BigInt(10_000 + 100 * writer + n))])
    }
    await client.end()
  })
  await Promise.all(writers)
  going = false
  await reading
  const all = await reader.look()
  expect(all.length).toBe(1 + 6 * 8 + 6 * 5)
  expect(new Set(all).size).toBe(all.length)
})

test('a client that is killed while it holds an append open holds nobody up, and nothing of it counts', async () => {
  const { url, log } = await openLog()
  const program = `const { default: pg } = await import('pg'); const client = new pg.Client({ connectionString: process.argv[1] })
    await client.connect(); await client.query('begin'); await client.query(process.argv[2]); console.log('held'); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, url, appendSql(2)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  const later = log.append([record(3n)])
  const reader = follow(log)
  await sleep(100)
  expect(await reader.look()).toEqual([1n])
  child.kill('SIGKILL')
  await later
  expect(await reader.look()).toEqual([1n, 3n])
})
