import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { extraRules, neededRules } from '../../src/engines/redis/permissions.ts'
import { faultsOf, servicesOf } from '../docs/page-faults.ts'
import { startPostgres, startReplica } from '../support/postgres-server.ts'
import { program } from '../support/program.ts'
import { startRedis } from '../support/redis-server.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/guide/production.md'), 'utf8')

// On servers of its own: it makes roles and settings that are the whole server's.
test('every block of docs/guide/production.md does what the page says', { timeout: 120_000 }, async () => {
  expect(servicesOf(page)).toEqual(['postgres', 'redis'])
  await using owned = new AsyncDisposableStack()
  const primary = owned.use(await startPostgres())
  const [replica, redis] = await Promise.all([startReplica(primary), startRedis()])
  owned.use(replica)
  owned.use(redis)
  const addresses = new Map([
    ['postgres@127.0.0.1:5432', `provender@127.0.0.1:${primary.port}`],
    ['127.0.0.1:5432', `127.0.0.1:${primary.port}`],
    ['127.0.0.1:5433', `127.0.0.1:${replica.port}`],
    ['127.0.0.1:6379', `127.0.0.1:${redis.port}`],
  ])
  const path = await Promise.all([program('psql'), program('redis-cli')])
  expect((await faultsOf(page, { addresses, path: path.map((each) => dirname(each)) })).join('\n')).toBe('')
})

test('it lists what a Redis user must be allowed', () => {
  const plain = page.replaceAll('\\|', '|')
  expect([...neededRules, ...Object.values(extraRules).flat()].filter((rule) => !plain.includes(rule))).toEqual([])
})
