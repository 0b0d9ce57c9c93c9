import { randomUUID } from 'node:crypto'
import { describe, inject, onTestFinished, test } from 'vitest'
import { openRedisOnline } from '../../src/engines/redis/online.ts'
import { onlineLaws } from '../../src/testing/online.ts'
import { startRedis } from '../support/redis-server.ts'

describe('the online ports in Redis', () => {
  for (const { law, run } of onlineLaws) {
    test(law, async () => {
      // A law that restores the store needs a server of its own.
      const server = await startRedis(['--appendonly', 'no'])
      onTestFinished(() => server[Symbol.asyncDispose]())
      await run({
        open: async () => openRedisOnline({ place: { url: server.url }, project: 'laws' }),
        backup: () => server.backup(),
      })
    })
  }
})

describe('the online ports in a Redis Cluster', () => {
  for (const { law, run } of onlineLaws.filter((each) => !/restored|put back/.test(each.law))) {
    test(law, async () => {
      const { cluster } = inject('services')
      const project = `p${randomUUID()}`
      await run({
        open: async () => openRedisOnline({ place: { cluster }, project }),
        backup: async () => {
          throw new Error('A cluster that others use is not restored')
        },
      })
    })
  }
})
