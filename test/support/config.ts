import { join } from 'node:path'
import type { Config } from '../../src/define/config.ts'
import { requestLimitsOf } from '../../src/define/request-limits.ts'

const common = {
  server: { host: '127.0.0.1', port: 0, workers: 1, sql: false, dataRoots: [], limits: requestLimitsOf() },
  auth: 'none',
} as const

/** The configuration of a store whose engines are opened by hand, in memory. */
export const memoryConfig: Config = {
  ...common,
  project: 'memory',
  dir: '/memory',
  metadata: ':memory:',
  offline: { url: ':memory:', replicas: [] },
  online: { url: ':memory:' },
}

/** The configuration of the embedded engines in a folder. */
export const embeddedConfig = (dir: string): Config => ({
  ...common,
  project: 'embedded',
  dir,
  metadata: join(dir, '.provender', 'metadata.db'),
  offline: { url: join(dir, '.provender', 'offline'), replicas: [] },
  online: { url: join(dir, '.provender', 'online') },
})
