import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { LogLimits } from '../../src/engines/duckdb/push-log/log-limits.ts'
import { openPushLog } from '../../src/engines/duckdb/push-log/push-log.ts'
import type { PushLog } from '../../src/ports/push-log.ts'
import { nameOf, numbered } from '../support/push-log-writer.ts'

let folder = ''
const children: ChildProcess[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'provender-log-'))
})

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await rm(folder, { recursive: true, maxRetries: 5 })
})

interface Writer {
  readonly name: string
  readonly child: ChildProcess
  /** Numbers of acknowledged records. */
  readonly acknowledged: number[]
  /** Numbers of records that there was no room for. */
  readonly refused: number[]
  /** Numbers of records whose key was taken, and who took it. */
  readonly repeated: ReadonlyMap<number, string>
  readonly ready: Promise<void>
  /** Resolves with the exit code when it has ended and all its words were read. */
  readonly ended: Promise<unknown>
}

/** Starts a writer; `fileBlocks` limits the size of any file that it writes, as a full disk would. */
function start(name: string, count: number, limits: Partial<LogLimits>, fileBlocks?: number): Writer {
  const program = [
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    join(import.meta.dirname, '../support/push-log-writer.ts'),
  ]
  const words = [...program, join(folder, 'log'), name, String(count), JSON.stringify(limits)]
  const limited = fileBlocks === undefined ? words : ['sh', '-c', `ulimit -f ${fileBlocks}; exec "$@"`, 'sh', ...words]
  const child = spawn(limited[0] ?? '', limited.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] })
  children.push(child)
  const acknowledged: number[] = []
  const refused: number[] = []
  const repeated = new Map<number, string>()
  const ready = Promise.withResolvers<void>()
  let text = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    const lines = (text + chunk.toString()).split('\n')
    text = lines.pop() ?? ''
    for (const line of lines) {
      const [number, , first] = line.split(' ')
      const n = Number(number)
      if (line === 'ready') ready.resolve()
      else if (first !== undefined) repeated.set(n, first)
      else if (n < 0) refused.push(-n)
      else acknowledged.push(n)
    }
  })
  return {
    name,
    child,
    acknowledged,
    refused,
    repeated,
    ready: ready.promise,
    ended: once(child, 'close').then(([code]: unknown[]) => code),
  }
}

const sleep = async (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(2)
}

/** Every record in the log by its name, in order; asserts that positions grow and records are whole. */
async function namesIn(log: PushLog): Promise<string[]> {
  const names: string[] = []
  let last = 0n
  for await (const { position, record } of log.changes({ from: 0n, before: await log.head() })) {
    expect(position > last).toBe(true)
    last = position
    const name = nameOf(record)
    const [writer, n] = name.split(' ')
    expect(record).toEqual(numbered(writer ?? '', Number(n)))
    names.push(name)
  }
  return names
}

const allOf = (writers: readonly Writer[]): string[] =>
  writers.flatMap(({ name, acknowledged }) => acknowledged.map((n) => `${name} ${n}`))

describe('several processes on one push log', () => {
  test('while segments are sealed all the time, and one maintains and reads, no record is lost and none is doubled', async () => {
    const limits = { segmentBytes: 1500, sealBytes: 1, mergeFiles: 3, keepReplacedMs: 0 }
    const writers = [start('a', 300, limits), start('b', 300, limits)]
    await using log = await openPushLog(join(folder, 'log'), limits)
    const ended = Promise.all(writers.map(async ({ ended: end }) => end))
    let running = true
    void ended.then(() => {
      running = false
    })
    let seen: string[] = []
    while (running) {
      const told = allOf(writers)
      const now = await namesIn(log)
      expect(now.slice(0, seen.length), 'what was read before is still there, in its order').toEqual(seen)
      expect(
        told.filter((name) => !now.includes(name)),
        'what was acknowledged is read',
      ).toEqual([])
      seen = now
      await log.maintain({ purge: [], nowUs: 0n })
    }
    expect(await ended).toEqual([0, 0])
    const names = await namesIn(log)
    expect(names.toSorted()).toEqual(allOf(writers).toSorted())
    expect(names.length).toBe(600)
  })

  test('of records with one key from several processes one counts, and the others are answered with it', async () => {
    const limits = { segmentBytes: 3000, sealBytes: 1, mergeFiles: 3, keepReplacedMs: 0 }
    const writers = ['keyed1', 'keyed199', 'keyed7'].map((name) => start(name, 200, limits))
    await using log = await openPushLog(join(folder, 'log'), limits)
    for (const { ready } of writers) await ready
    for (const { child } of writers) child.stdin?.write('go')
    let running = true
    const ended = Promise.all(writers.map(async ({ ended: end }) => end)).finally(() => {
      running = false
    })
    while (running) await log.maintain({ purge: [], nowUs: 0n })
    expect(await ended).toEqual([0, 0, 0])
    expect((await namesIn(log)).toSorted()).toEqual(allOf(writers).toSorted())
    for (let n = 0; n < 200; n++) {
      const first = writers.filter(({ acknowledged }) => acknowledged.includes(n)).map(({ name }) => name)
      expect(first.length, `who was first with key ${n}`).toBe(1)
      for (const { name, repeated } of writers) expect(repeated.get(n)).toBe(name === first[0] ? undefined : first[0])
    }
    expect(
      writers.every(({ acknowledged }) => acknowledged.length > 0),
      'there was a race',
    ).toBe(true)
  })

  test('every record that was acknowledged before a kill -9 is there, each once', async () => {
    const limits = { segmentBytes: 4000 }
    const writers: Writer[] = []
    for (let round = 0; round < 6; round++) {
      const [killed, other] = [start(`killed${round}`, 0, limits), start(`other${round}`, 0, limits)]
      writers.push(killed, other)
      await until(() => killed.acknowledged.length > 10 * round && other.acknowledged.length > 0)
      killed.child.kill('SIGKILL')
      await killed.ended
      const before = other.acknowledged.length
      await until(() => other.acknowledged.length > before + 5)
      other.child.kill('SIGKILL')
      await other.ended
    }
    await using log = await openPushLog(join(folder, 'log'), limits)
    const names = await namesIn(log)
    expect(new Set(names).size).toBe(names.length)
    expect(allOf(writers).filter((name) => !names.includes(name))).toEqual([])
    expect(allOf(writers).length).toBeGreaterThan(150)
  })

  test('a maintainer that is killed anywhere leaves a log that reads the same and can be maintained', async () => {
    const limits = { segmentBytes: 8000, sealBytes: 1, mergeFiles: 2, keepReplacedMs: 0 }
    const writer = start('w', 0, limits)
    await using log = await openPushLog(join(folder, 'log'), limits)
    await until(() => writer.acknowledged.length > 0)
    let withinWork = 0
    for (let round = 0; round < 4; round++) {
      const maintainer = start('maintain', 0, limits)
      await until(() => maintainer.acknowledged.length > 0)
      await sleep(13 * round)
      maintainer.child.kill('SIGKILL')
      await maintainer.ended
      if (existsSync(join(folder, 'log', 'maintenance.lock'))) withinWork++
      const told = allOf([writer])
      const names = await namesIn(log)
      expect(told.filter((name) => !names.includes(name))).toEqual([])
    }
    writer.child.kill('SIGKILL')
    await writer.ended
    expect(withinWork, 'kills that came in the middle of maintenance').toBeGreaterThan(0)
    expect((await log.index.manifest()).manifest.sealedThrough).toBeGreaterThan(0)
    await log.maintain({ purge: [], nowUs: 0n })
    const names = await namesIn(log)
    expect(new Set(names).size).toBe(names.length)
    expect(allOf([writer]).filter((name) => !names.includes(name))).toEqual([])
    expect(existsSync(join(folder, 'log', 'maintenance.lock'))).toBe(false)
  })

  test('what there is no room for counts for nobody, the others go on, and so does the writer once there is room', async () => {
    const writer = start('w', 0, {}, 40)
    await using log = await openPushLog(join(folder, 'log'), { sealBytes: 1 })
    await until(() => writer.refused.length > 3)
    const assertCounted = async (): Promise<void> => {
      const [told, refused] = [allOf([writer]), writer.refused.map((n) => `w ${n}`)]
      const names = await namesIn(log)
      expect(told.filter((name) => !names.includes(name))).toEqual([])
      expect(refused.filter((name) => names.includes(name))).toEqual([])
    }
    await assertCounted()
    await log.append([numbered('other', 1)])
    await assertCounted()
    const before = writer.acknowledged.length
    await log.maintain({ purge: [], nowUs: 0n })
    await until(() => writer.acknowledged.length > before)
    writer.child.kill('SIGKILL')
    await writer.ended
    await assertCounted()
  })
})
