import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'
import { openEngines } from '../../src/compose/engines.ts'
import { composeStore } from '../../src/compose/store.ts'
import type { Store } from '../../src/contract/store.ts'
import type { WireDefinitions } from '../../src/define/definition.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import type { RunPoint } from '../../src/materialize/deps.ts'
import { embeddedConfig } from '../support/config.ts'

/** A store whose metadata, history and log are in a PostgreSQL, and which serves from a Redis. */
export interface PostgresStore extends AsyncDisposable {
  readonly store: Store
  /** Its repository. */
  readonly dir: string
  /** Hears of the points of runs. */
  onPoint(next: ((point: RunPoint) => void) | null): void
}

/** Opens one; those of one project are stores of one repository, as several processes have them. */
export async function openPostgresStore(url: string, project: string): Promise<PostgresStore> {
  const dir = await mkdtemp(join(tmpdir(), 'provender-postgres-store-'))
  const config = {
    ...embeddedConfig(dir),
    project,
    metadata: url,
    offline: { url, replicas: [] },
    online: { url: inject('services').redis },
  }
  let hear: ((point: RunPoint) => void) | null = null
  const store = composeStore(config, await openEngines(config, systemClock), {
    clock: systemClock,
    waits: { switchMs: -1, pollMs: 10, leaseMs: 3_000, closeMs: 500, stopMs: 500 },
    reached: (point) => hear?.(point),
  })
  return {
    store,
    dir,
    onPoint(next) {
      hear = next
    },
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** Views of rows in a table and of rows that are pushed, both `id` → `n`; `owner` changes with each version. */
export const definitionsOf = (owner: string): WireDefinitions => ({
  entities: { thing: { keys: { id: 'int64' } } },
  sources: {
    orders: { type: 'postgres', table: 'orders', timestamp: 'at', created: 'written' },
    taps: { type: 'push', schema: { id: 'int64', n: 'int64' }, timestamp: 'at' },
  },
  views: {
    ordered: { entities: ['thing'], source: 'orders', owner, features: { n: 'int64' } },
    tapped: { entities: ['thing'], source: 'taps', owner, features: { n: 'int64' } },
  },
  on_demand: {},
  services: {},
})

/** What is served of a view for the ids below a number. */
export async function servedOf(store: Store, view: string, ids: number): Promise<(number | null)[]> {
  const rows = await store.online(
    view,
    Array.from({ length: ids }, (_, id) => ({ id })),
  )
  return rows.map((row) => (row['n'] === null ? null : Number(row['n'])))
}
