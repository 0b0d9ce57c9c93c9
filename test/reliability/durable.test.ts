import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openSqlite } from '../../src/engines/sqlite/open.ts'
import { openDatabase } from '../../src/metadata/database.ts'
import { sql } from 'kysely'

let dir = ''
beforeEach(() => {
  // On the disk of the checkout: a folder for temporary files may be one in memory, which nothing makes durable.
  const cache = join(import.meta.dirname, '../../node_modules/.cache')
  mkdirSync(cache, { recursive: true })
  dir = mkdtempSync(join(cache, 'durable-'))
  mkdirSync(join(dir, 'data'))
  writeFileSync(join(dir, 'provender.yaml'), 'project: durable\n')
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

interface Told {
  readonly told: readonly { readonly path: string; readonly size: number; readonly unwritten: number }[]
  readonly control: number
}

/** What of each call must have been written, by a part of the names of its files. */
const demands: Readonly<Record<string, readonly RegExp[]>> = {
  apply: [/metadata\.db/],
  push: [/metadata\.db/, /segments\/00000001\.log$/, /manifests\/00000001\.json$/, /online\/data\.mdb$/],
  'push with a key, to a source, some of it bad': [/segments\/00000001\.log$/, /online\/data\.mdb$/],
  'many pushes at once': [/segments\/00000001\.log$/, /online\/data\.mdb$/],
  delete: [/segments\/00000001\.log$/, /online\/data\.mdb$/],
  materialize: [/metadata\.db/, /online\/data\.mdb$/],
  seal: [/rows\/view-latest-.*\.parquet$/, /checkpoints\/.*\.keys$/, /manifests\/\d+\.json$/],
}

test.each(Object.keys(demands))('when it is told that this is done, all of it is on the disk: %s', (what) => {
  const program = join(import.meta.dirname, 'durable-child.ts')
  const child = spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', program, dir, what], {
    encoding: 'utf8',
  })
  expect([child.signal, child.stderr]).toEqual(['SIGKILL', ''])
  const { told, control } = JSON.parse(child.stdout) as Told
  // Linux counts what was never written (/proc/self/io) where the checkout lies on a disk.
  expect(control, 'bytes that nobody made durable').toBeGreaterThanOrEqual(10_000)
  expect(told.filter(({ unwritten }) => unwritten !== 0)).toEqual([])
  const written = told.filter(({ size }) => size > 0).map(({ path }) => path)
  for (const name of demands[what] ?? []) expect(written.filter((path) => name.test(path))).not.toEqual([])
})

test('metadata syncs at each commit', async () => {
  await using database = openDatabase(await openSqlite(join(dir, 'metadata.db')))
  const settings = await database.read(undefined, async (tx) => [
    (await sql`pragma synchronous`.execute(tx)).rows,
    (await sql`pragma journal_mode`.execute(tx)).rows,
  ])
  expect(settings).toEqual([[{ synchronous: 2n }], [{ journal_mode: 'wal' }]])
})
