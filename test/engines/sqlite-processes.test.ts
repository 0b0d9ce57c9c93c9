import { expect, onTestFinished, test } from 'vitest'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { manualClock } from '../../src/kernel/clock.ts'
import { openSqlite } from '../../src/engines/sqlite/open.ts'
import { openMetadata } from '../../src/metadata/open.ts'
import { start } from '../../src/testing/metadata-harness.ts'

const applier = join(import.meta.dirname, '../support/metadata-applier.ts')

function newFile(): string {
  const dir = mkdtempSync(join(tmpdir(), 'provender-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return join(dir, 'metadata.db')
}

/** Starts a process that opens the store and commits until it is killed or has done as many as asked; it prints each version it made. */
function startApplier(
  file: string,
  name: string,
  commits: number,
): { child: ReturnType<typeof spawn>; made: () => number[] } {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', applier, file, name, String(commits)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let printed = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (printed += text))
  return { child, made: () => printed.split('\n').slice(0, -1).map(Number) }
}

test('processes that open a new store at once and commit to it lose nothing and share no version', async () => {
  const file = newFile()
  const appliers = ['a', 'b', 'c', 'd'].map((name) => startApplier(file, name, 5))
  const ends = await Promise.all(appliers.map(({ child }) => once(child, 'close')))
  expect(ends.map(([code]) => code as number)).toEqual([0, 0, 0, 0])
  expect(appliers.flatMap(({ made }) => made()).toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: 20 }, (_, i) => i + 1),
  )
})

test('a version that was answered survives kill -9 of the process, and the store opens whole', async () => {
  const file = newFile()
  for (let round = 0; round < 5; round++) {
    const { child, made } = startApplier(file, `round${round}`, 100_000)
    while (made().length < 3) await new Promise((resolve) => setTimeout(resolve, 5))
    child.kill('SIGKILL')
    await once(child, 'close')
    const answered = made()
    await using store = await openMetadata(await openSqlite(file), manualClock(start))
    const kept = new Map((await store.registry.versions(1_000_000)).map((each) => [each.version, each.author]))
    for (const version of answered) expect(kept.get(version)).toBe(`round${round}`)
  }
})
