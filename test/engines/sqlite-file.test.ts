import { describe, expect, onTestFinished, test } from 'vitest'
import { copyFileSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { isProvenderError, type ProvenderError } from '../../src/kernel/errors.ts'
import { manualClock } from '../../src/kernel/clock.ts'
import { openSqlite } from '../../src/engines/sqlite/open.ts'
import { type Metadata, openMetadata } from '../../src/metadata/open.ts'
import { commitOf, start } from '../../src/testing/metadata-harness.ts'

const clock = manualClock(start)
const open = async (file: string): Promise<Metadata> => openMetadata(await openSqlite(file), clock)

function newFile(): string {
  const dir = mkdtempSync(join(tmpdir(), 'provender-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return join(dir, 'metadata.db')
}

async function failureOf(work: () => Promise<unknown>): Promise<ProvenderError> {
  try {
    await work()
  } catch (thrown) {
    if (isProvenderError(thrown)) return thrown
    throw thrown
  }
  throw new Error('nothing failed')
}

/** Opens a store and reads all of it. */
async function readAll(file: string): Promise<void> {
  await using store = await open(file)
  const versions = await store.registry.versions(1000)
  for (const { version } of versions) await store.registry.read(version)
  await store.registry.snapshot()
  await store.runLog.runs({ limit: 1 })
}

describe('a file that is no whole store', () => {
  test('another program’s database is refused, named, and left as it is', async () => {
    const file = newFile()
    const theirs = new DatabaseSync(file)
    theirs.exec('create table recipe (name text)')
    theirs.close()
    const before = statSync(file)
    const failure = await failureOf(() => open(file))
    expect([failure.code, failure.message]).toEqual(['CORRUPT_STORE', expect.stringContaining(file)])
    expect(statSync(file).mtimeMs).toBe(before.mtimeMs)
  })

  test('a file that is no database is refused and named', async () => {
    const file = newFile()
    writeFileSync(file, 'airport,delay\nORD,12\n'.repeat(200))
    const failure = await failureOf(() => open(file))
    expect([failure.code, failure.message]).toEqual(['CORRUPT_STORE', expect.stringContaining(file)])
  })

  test('a store cut off anywhere is refused and named', async () => {
    const file = newFile()
    await using full = await open(file)
    for (let parent = 0; parent < 30; parent++) {
      await full.registry.commit(commitOf(`version${parent}`, parent, { message: 'x'.repeat(2000) }))
    }
    await full[Symbol.asyncDispose]()
    const { size } = statSync(file)
    expect(size).toBeGreaterThan(60_000)
    for (const part of [0.001, 0.05, 0.3, 0.5, 0.7, 0.9, 0.99]) {
      const cut = `${file}.cut`
      copyFileSync(file, cut)
      truncateSync(cut, Math.ceil(size * part))
      const failure = await failureOf(() => readAll(cut))
      expect([part, failure.code, failure.message]).toEqual([part, 'CORRUPT_STORE', expect.stringContaining(cut)])
    }
    await readAll(file)
  })

  test('a store of a later release is refused', async () => {
    const file = newFile()
    await (await open(file))[Symbol.asyncDispose]()
    const later = new DatabaseSync(file)
    later.exec(`update counter set value = 99 where name = 'format'`)
    later.close()
    const failure = await failureOf(() => open(file))
    expect([failure.code, failure.message]).toEqual(['UNSUPPORTED', expect.stringContaining(file)])
  })

  test('a document that cannot be read is CORRUPT_STORE with the place', async () => {
    const file = newFile()
    await using store = await open(file)
    const harm = new DatabaseSync(file)
    onTestFinished(() => harm.close())
    const generation = { generation: '12', revision: 12, definition: 1, bornAtMs: 1 }
    const generations = { serving: generation, building: null, replaced: [], removedAtMs: null, purgedBelow: '0' }
    const insert = harm.prepare('insert or replace into view_state values (?, 1, ?, ?)')
    for (const [text, place] of [
      [JSON.stringify(generations), '/serving/revision'],
      ['{"serving":', 'JSON'],
    ] as const) {
      insert.run('delays', text, '{}')
      const failure = await failureOf(() => store.runLog.readState('delays'))
      expect([failure.code, failure.message]).toEqual(['CORRUPT_STORE', expect.stringContaining('view delays')])
      expect(failure.message).toContain(place)
    }
  })

  test('a folder in its place is STORE_UNREACHABLE', async () => {
    const file = newFile()
    const failure = await failureOf(() => open(join(file, '..')))
    expect(failure.code).toBe('STORE_UNREACHABLE')
  })
})

describe('a file that others write', () => {
  test('a writer waits without stopping the process, and goes on when the other one ends', async () => {
    const file = newFile()
    await using store = await open(file)
    const other = new DatabaseSync(file)
    onTestFinished(() => other.close())
    other.exec('begin immediate')
    setTimeout(() => other.exec('rollback'), 300)
    let ticks = 0
    const ticking = setInterval(() => (ticks += 1), 5)
    const swap = await store.registry.commit(commitOf('one', 0))
    clearInterval(ticking)
    expect(swap.kind).toBe('done')
    expect(ticks).toBeGreaterThan(4)
  })

  test('a reader does not wait for a writer', async () => {
    const file = newFile()
    await using store = await open(file)
    await store.registry.commit(commitOf('one', 0))
    const other = new DatabaseSync(file)
    onTestFinished(() => other.close())
    other.exec('begin immediate')
    expect((await store.registry.snapshot())?.snapshot.head.version).toBe(1)
    other.exec('rollback')
  })

  test('whoever waits too long is told: by their own deadline, or that the store is locked', async () => {
    const file = newFile()
    await using store = await open(file)
    const other = new DatabaseSync(file)
    onTestFinished(() => other.close())
    other.exec('begin immediate')
    const began = Date.now()
    const late = await failureOf(() => store.registry.commit(commitOf('one', 0), { deadlineAtMs: Date.now() + 100 }))
    expect([late.code, late.message]).toEqual(['DEADLINE_EXCEEDED', expect.stringContaining(file)])
    const aborted = await failureOf(() =>
      store.registry.commit(commitOf('one', 0), { signal: AbortSignal.timeout(100) }),
    )
    expect(aborted.code).toBe('INTERRUPTED')
    expect(Date.now() - began).toBeLessThan(2000)
    other.exec('rollback')
    expect((await store.registry.versions(9)).length).toBe(0)
  })
})
