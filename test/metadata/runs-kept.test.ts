import { expect, onTestFinished, test } from 'vitest'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { systemClock } from '../../src/kernel/clock.ts'
import { memoryMetadataStore, openMemoryMetadata } from '../../src/engines/memory/metadata.ts'
import { openSqlite } from '../../src/engines/sqlite/open.ts'
import { openMetadata } from '../../src/metadata/open.ts'
import { type RunLog, runsKept } from '../../src/ports/run-log.ts'
import { runNamed } from '../../src/testing/metadata-harness.ts'

/** Queues three old runs, lets as many as are kept come after them, and tells which of the old ones are still listed. */
async function keptOf(runLog: RunLog, insertMany: () => Promise<void>): Promise<string[]> {
  await runLog.putRun(runNamed('ended', { state: 'failed' }))
  await runLog.putRun(runNamed('queued'))
  await runLog.putRun(runNamed('running', { state: 'running' }))
  await insertMany()
  await runLog.putRun(runNamed('newest'))
  const names = ['ended', 'queued', 'running', 'newest']
  const found = await Promise.all(names.map((id) => runLog.runs({ id, limit: 1 })))
  return found.flat().map((run) => run.id)
}

test('runs that ended are forgotten after enough newer ones, in memory', async () => {
  await using store = openMemoryMetadata(memoryMetadataStore(), systemClock)
  const { runLog } = store
  const kept = await keptOf(runLog, async () => {
    for (let i = 0; i < runsKept - 1; i++) await runLog.putRun(runNamed(`r${i}`, { state: 'succeeded' }))
  })
  expect(kept).toEqual(['queued', 'running', 'newest'])
})

test('runs that ended are forgotten after enough newer ones, in SQLite', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'provender-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const file = join(dir, 'metadata.db')
  await using store = await openMetadata(await openSqlite(file), systemClock)
  const kept = await keptOf(store.runLog, async () => {
    // As if so many had been inserted: each would cost a wait for the disk.
    const other = new DatabaseSync(file)
    other.exec(`update counter set value = value + ${runsKept - 1} where name = 'run'`)
    other.close()
  })
  expect(kept).toEqual(['queued', 'running', 'newest'])
})
