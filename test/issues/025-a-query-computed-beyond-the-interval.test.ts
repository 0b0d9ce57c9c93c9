import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadDefinitions, manualClock, openStore, parseInstant } from 'provender'

// A query is kept before the latest of its rows are found. It was kept whole, for each run of an hour and each training set of a
// day: the flights demo took five minutes instead of one. What shows it here is a row that cannot be computed.
let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'provender-asked-'))
  mkdirSync(join(dir, 'features'))
  mkdirSync(join(dir, 'data'))
  writeFileSync(join(dir, 'provender.yaml'), 'project: asked\n')
  const rows = [
    '1,2026-01-01T10:00:00Z,none',
    '1,2026-01-02T10:00:00Z,2',
    '1,2026-01-03T10:00:00Z,3',
    '2,2026-01-02T09:00:00Z,4',
  ]
  writeFileSync(join(dir, 'data/r.csv'), `k,happened,v\n${rows.join('\n')}\n`)
  writeFileSync(
    join(dir, 'features/r.yaml'),
    `
entities: { thing: { key: { k: int64 } } }
sources:
  r: { type: csv, path: data/r.csv, timestamp: happened }
  q: { type: sql, timestamp: happened, sql: "select k::bigint as k, happened, v::int as v from r" }
views:
  view: { entities: [thing], source: q, features: { v: int32 } }
  short: { entities: [thing], source: q, ttl: 1d, features: { w: { type: int32, column: v } } }
`,
  )
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const stopped = (text: string) => manualClock(parseInstant(text) ?? 0n)

test('a run from a start on computes nothing before it', async () => {
  await using store = await openStore(dir, { clock: stopped('2026-01-02T12:00:00Z') })
  await store.apply(await loadDefinitions(dir))
  const [run] = await store.materialize('view', { start: '2026-01-02' })
  expect(run).toMatchObject({ state: 'succeeded', rows: 2 })
  expect((await store.online('view', [{ k: 1 }, { k: 2 }])).map(({ v }) => v)).toEqual([2, 4])
  // Who reads all of it meets the row.
  await expect(store.materialize('view', { start: '2026-01-01' })).rejects.toMatchObject({ code: 'SQL_REFUSED' })
})

test('a training set computes nothing older than its ttl', async () => {
  await using store = await openStore(dir, { clock: stopped('2026-01-04T00:00:00Z') })
  await store.apply(await loadDefinitions(dir))
  const spine = (...days: string[]) => days.map((day) => ({ k: 1, event_timestamp: `${day}T12:00:00Z` }))
  const values = async (...days: string[]): Promise<unknown> =>
    (await (await store.historical('short', spine(...days))).rows()).map(({ w }) => w)
  expect(await values('2026-01-03', '2026-01-04')).toEqual([3, null])
  await expect(values('2026-01-01', '2026-01-03')).rejects.toMatchObject({ code: 'SQL_REFUSED' })
})
