import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import type { PostgresSourceDef } from '../../src/define/definition.ts'
import { openConnections } from '../../src/engines/postgres/connections.ts'
import { openPostgresOffline } from '../../src/engines/postgres/offline.ts'
import type { OfflineStore } from '../../src/ports/offline.ts'
import { type AsOf, own } from '../../src/query/relation.ts'
import { seeded } from '../../src/testing/seeded.ts'
import { columnsOf, openBench } from '../support/duckdb-bench.ts'

const keys = 300
const rows = 30_000
/** More rows than one connection is given at a time, and no whole number of such turns. */
const spineRows = 60_001
const spanUs = 1_000_000_000n
const ttlUs = 20_000_000n

/** A database of its own, whose connections can be counted. */
async function newDatabase(): Promise<{ readonly url: string; readonly replica: string }> {
  const { postgres, replica } = inject('services')
  const name = `t${randomUUID().replaceAll('-', '')}`
  await ask(postgres, `create database ${name}`)
  onTestFinished(() => ask(postgres, `drop database ${name} with (force)`).then(() => undefined))
  const of = (url: string): string => Object.assign(new URL(url), { pathname: `/${name}` }).href
  return { url: of(postgres), replica: of(replica) }
}

async function ask(url: string, ...texts: readonly string[]): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    let found: Record<string, unknown>[] = []
    for (const text of texts) found = (await client.query<Record<string, unknown>>(text)).rows
    return found
  } finally {
    await client.end()
  }
}

const source: PostgresSourceDef = { kind: 'source', name: 'things', type: 'postgres', table: 'things', timestamp: 'at' }

const plan: AsOf = {
  kind: 'asOf',
  left: {
    kind: 'input',
    name: 'spine',
    uses: [
      { name: 'k', type: 'int64' },
      { name: 'at', type: 'timestamp' },
    ],
  },
  at: 'at',
  joins: [
    {
      right: {
        kind: 'derive',
        input: {
          kind: 'source',
          source,
          take: [
            { column: 'k', as: 'k', type: 'int64' },
            { column: 'at', as: own.event, type: 'timestamp' },
            { column: 'v', as: 'v', type: 'int64' },
          ],
        },
        columns: [
          { as: 'k', column: 'k' },
          { as: own.event, column: own.event },
          { as: own.created, type: 'timestamp', constant: null },
          { as: own.reading, type: 'int64', constant: 1n },
          { as: own.tie, type: 'int64', constant: 0n },
          { as: own.tombstone, type: 'bool', constant: false },
          { as: 'v', column: 'v' },
        ],
      },
      on: [{ left: 'k', right: 'k' }],
      ttlUs,
      knownByLeft: false,
      order: [own.event, own.created, own.reading, own.tie, 'v'],
      outputs: [{ column: 'v', as: 'v' }],
    },
  ],
}

interface Thing {
  readonly k: number
  readonly at: bigint
  readonly v: number
}

/** Things, some of them at one instant, and a spine. */
function drawn(distinct: boolean): { readonly things: Thing[]; readonly spine: { k: bigint[]; at: Date[] } } {
  const random = seeded(7)
  const below = (n: number): number => random.int(n)
  const things: Thing[] = []
  const seen = new Set<string>()
  while (things.length < rows) {
    const thing = { k: below(keys), at: BigInt(below(Number(spanUs / 1_000_000n))) * 1_000_000n, v: below(1_000) }
    const place = `${thing.k} ${thing.at}`
    if (distinct && seen.has(place)) continue
    seen.add(place)
    things.push(thing)
  }
  const spine = { k: [] as bigint[], at: [] as Date[] }
  for (let i = 0; i < spineRows; i++) {
    spine.k.push(BigInt(below(keys + 10)))
    spine.at.push(new Date(below(Number(spanUs / 1_000n))))
  }
  return { things, spine }
}

/** The greatest value of the newest instant that a row sees, found one by one. */
function oracle(things: readonly Thing[], spine: { k: bigint[]; at: Date[] }): (bigint | null)[] {
  const byKey = Map.groupBy(things, ({ k }) => k)
  for (const each of byKey.values()) each.sort((a, b) => (a.at === b.at ? a.v - b.v : a.at < b.at ? -1 : 1))
  return spine.k.map((k, i) => {
    const at = BigInt(spine.at[i]?.getTime() ?? 0) * 1_000n
    const found = (byKey.get(Number(k)) ?? []).findLast((thing) => thing.at <= at)
    return found === undefined || found.at < at - ttlUs ? null : BigInt(found.v)
  })
}

const connectionsOf = async (url: string): Promise<number> => {
  const text = `select count(*)::int as n from pg_stat_activity where application_name = 'provender' and datname = current_database()`
  return Number((await ask(url, text))[0]?.['n'])
}

describe.for([
  { place: 'the primary', distinct: false },
  { place: 'the primary', distinct: true },
  { place: 'a replica', distinct: false },
])('a spine of many rows, looked up on $place (rows known to be distinct: $distinct)', ({ place, distinct }) => {
  test('goes over several connections, and comes back as one', { timeout: 60_000 }, async () => {
    const { url, replica } = await newDatabase()
    const { things, spine } = drawn(distinct)
    await fill(url, things, distinct)
    await using bench = await openBench()
    const onReplica = place === 'a replica'
    await using offline = openPostgresOffline({ url, replicas: onReplica ? [replica] : [], local: bench.offline })
    if (onReplica) await expect.poll(() => isThere(replica), { timeout: 10_000 }).toBe(true)
    const found = await read(offline, spine)
    expect(found['k']).toEqual(spine.k)
    expect(found['v']).toEqual(oracle(things, spine))
    expect(await connectionsOf(onReplica ? replica : url)).toBe(3)
  })
})

test('where no connection is to spare a spine goes over one', { timeout: 60_000 }, async () => {
  const { url } = await newDatabase()
  const { things, spine } = drawn(false)
  await fill(url, things, false)
  await using bench = await openBench()
  await using offline = openPostgresOffline({ url, replicas: [], local: bench.offline })
  await using connections = openConnections(url, 'queries')
  const held = await Promise.all(Array.from({ length: 9 }, () => connections.take()))
  try {
    expect((await read(offline, spine))['v']).toEqual(oracle(things, spine))
    expect(await connectionsOf(url)).toBe(10)
  } finally {
    for (const client of held) client.release()
  }
})

const isThere = async (url: string): Promise<boolean> => {
  const found = await ask(url, `select count(*)::int as n from things`).catch(() => [])
  return found[0]?.['n'] === rows
}

async function fill(url: string, things: readonly Thing[], distinct: boolean): Promise<void> {
  const columns = [things.map(({ k }) => k), things.map(({ at }) => String(at)), things.map(({ v }) => v)]
  const [k = [], at = [], v = []] = columns.map((column) => `'{${column.join(',')}}'`)
  await ask(
    url,
    `create table things as select k, timestamptz 'epoch' + us * interval '1 microsecond' as at, v
     from unnest(${String(k)}::bigint[], ${String(at)}::bigint[], ${String(v)}::bigint[]) as t (k, us, v)`,
    `create ${distinct ? 'unique ' : ''}index on things (k, at)`,
    'analyze things',
  )
}

const read = async (offline: OfflineStore, columns: { k: bigint[]; at: Date[] }): ReturnType<typeof columnsOf> =>
  columnsOf(await offline.query({ plan, inputs: new Map([['spine', { kind: 'columns', columns }]]) }))
