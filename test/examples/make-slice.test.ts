import { spawnSync } from 'node:child_process'
import type { SpawnSyncReturns } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterEach, beforeEach, expect, test } from 'vitest'

const script = fileURLToPath(new URL('../../examples/flights/make-slice.ts', import.meta.url))

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'provender-slice-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

function makeSlice(...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' })
}

test('without an input it says how it is used', () => {
  const { status, stderr } = makeSlice()
  expect(status).toBe(2)
  expect(stderr).toContain('usage:')
})

test('keeps flights with both ends among the twelve busiest, in order, and notices another source', async () => {
  const input = join(folder, 'in.parquet')
  const output = join(folder, 'out.parquet')
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  // Airport A00 has 14 departures, A01 has 13, … A13 one, all to Z, which is the busiest: A00 … A10 and Z are the twelve.
  await connection.run(`
    copy (
      select timestamp '2001-03-01 00:00:00' + interval (100 - flight) minutes as date, flight - 3 as delay,
        8 * (flight + 1) as distance, 'A' || lpad(airport::varchar, 2, '0') as origin, 'Z' as destination
      from range(14) airports (airport), range(14) flights (flight)
      where flight < 14 - airport
    ) to '${input}'`)

  const { status, stdout, stderr } = makeSlice(input, output)
  expect(stdout).toContain('99 rows')
  expect(status).toBe(1)
  expect(stderr).toContain('expected 339948 rows')

  const reader = await connection.runAndReadAll(`
    select departed_at::varchar, delay, distance, origin, destination, landed_at::varchar from read_parquet('${output}')`)
  const rows = reader.getRowsJson()
  expect(new Set(rows.map((row) => row[3]))).toEqual(
    new Set(['A00', 'A01', 'A02', 'A03', 'A04', 'A05', 'A06', 'A07', 'A08', 'A09', 'A10']),
  )
  // In the air for thirty minutes and one for every eight of its 112 miles.
  expect(rows.find((row) => row[3] === 'A00' && row[1] === 10)).toEqual([
    '2001-03-01 01:27:00',
    10,
    112,
    'A00',
    'Z',
    '2001-03-01 02:11:00',
  ])
  const landings = rows.map((row) => row[5] as string)
  expect(landings).toEqual(landings.toSorted())
  connection.closeSync()
  instance.closeSync()
})
