import { cp, mkdtemp, open, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type FilePushLog, openPushLog } from '../../src/engines/duckdb/push-log/push-log.ts'
import { letter, put, readAll, record, start, taken } from '../../src/testing/push-log-records.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'provender-damage-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

const segment = (path: string, number = 1): string => join(path, 'segments', `${String(number).padStart(8, '0')}.log`)
const quiet = { purge: [], nowUs: start }
const small = { sealBytes: 1, mergeFiles: 2, keepReplacedMs: 0 }

/** The numbers of the records that are there. */
const numbersIn = async (log: FilePushLog): Promise<number[]> =>
  (await readAll(log)).flatMap(({ record: { rows } }) => rows.map(({ values }) => Number(values[1])))

/** A log into which a process put some records, and another one more; answers where each frame begins, and the end. */
async function twoWriters(path: string): Promise<{ readonly starts: readonly number[]; readonly bytes: Buffer }> {
  const starts: number[] = []
  const sizeOf = async (): Promise<number> => (await readFile(segment(path)).catch(() => Buffer.alloc(0))).length
  for (const numbers of [[1, 2, 3], [4]]) {
    await using log = await openPushLog(path)
    for (const n of numbers) {
      starts.push(await sizeOf())
      await put(log, record([n], n === 2 ? { idempotency: taken('k') } : {}))
    }
  }
  return { starts, bytes: await readFile(segment(path)) }
}

const flipped = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] ?? 0) ^ (1 << (at % 8))
  return copy
}

/** Flips a bit of a file that others have open. */
async function flipIn(path: string, at: number): Promise<void> {
  await using file = await open(path, 'r+')
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at)
  await file.write(Buffer.from([(buffer[0] ?? 0) ^ 1]), 0, 1, at)
}

const damagedAt = (path: string, at: number) => ({
  code: 'CORRUPT_STORE',
  message: `${path} is damaged at byte ${at}: what was durable there cannot be read`,
  remedy: expect.stringContaining('docs/guide/operating.md#restore') as string,
})

describe('the tail of the push log', () => {
  test('cut at any byte of its records, all that is whole before counts, and it goes on', async () => {
    const path = join(folder, 'log')
    const { starts, bytes } = await twoWriters(path)
    for (let end = starts[2] ?? 0; end < bytes.length; end++) {
      await writeFile(segment(path), bytes.subarray(0, end))
      await using log = await openPushLog(path)
      const whole = [1, 2, 3].filter((n) => (starts[n] ?? 0) <= end)
      expect(await numbersIn(log), `cut at byte ${end}`).toEqual(whole)
      await put(log, record([9]))
      await using other = await openPushLog(path)
      expect(await numbersIn(other)).toEqual([...whole, 9])
    }
  })
})

describe('a bit that flipped', () => {
  test('in any byte before the last record is told with its place, and nothing behind it is lost', async () => {
    const path = join(folder, 'log')
    const { starts, bytes } = await twoWriters(path)
    const last = starts.at(-1) ?? 0
    for (let at = 0; at < last; at++) {
      await writeFile(segment(path), flipped(bytes, at))
      const hurt = starts.findLastIndex((begin) => begin <= at)
      const expected = damagedAt(segment(path), starts[hurt] ?? -1)
      await using log = await openPushLog(path)
      await expect(log.head(), `byte ${at}`).rejects.toMatchObject(expected)
      if (at % 40 > 0) continue
      await expect(readAll(log)).rejects.toMatchObject(expected)
      await expect(put(log, record([9]))).rejects.toMatchObject(expected)
      await expect(log.maintain(quiet)).rejects.toMatchObject(expected)
      // The remedy for who has no backup.
      await writeFile(`${segment(path)}.damage-accepted`, '')
      const left = [1, 2, 3, 4].filter((n) => n !== hurt + 1)
      expect(await numbersIn(log)).toEqual(left)
      await put(log, record([9]))
      expect(await numbersIn(log)).toEqual([...left, 9])
      await rm(`${segment(path)}.damage-accepted`)
    }
    expect(last).toBeGreaterThan(200)
  })

  test('in the last record makes it one that was never finished', async () => {
    const path = join(folder, 'log')
    const { starts, bytes } = await twoWriters(path)
    for (let at = starts.at(-1) ?? 0; at < bytes.length; at++) {
      await writeFile(segment(path), flipped(bytes, at))
      await using log = await openPushLog(path)
      expect(await numbersIn(log)).toEqual([1, 2, 3])
    }
  })

  test('under a running process is met by who reads the records, and no sealing makes the loss for good', async () => {
    const path = join(folder, 'log')
    await using log = await openPushLog(path, { sealBytes: 1 })
    for (const n of [1, 2, 3]) await put(log, record([n]))
    const { size } = await stat(segment(path))
    expect(await numbersIn(log)).toEqual([1, 2, 3])
    await flipIn(segment(path), size - 1)
    await expect(numbersIn(log), 'the last one, which this process has read').rejects.toMatchObject({
      code: 'CORRUPT_STORE',
    })
    await flipIn(segment(path), size - 1)
    for (const at of [20, Math.floor(size / 2), size - 1]) {
      await flipIn(segment(path), at)
      const expected = { code: 'CORRUPT_STORE', message: expect.stringContaining(segment(path)) as string }
      await expect(numbersIn(log)).rejects.toMatchObject(expected)
      await expect(log.maintain(quiet)).rejects.toMatchObject(expected)
      expect((await log.index.manifest()).manifest.sealedThrough).toBe(0)
      await flipIn(segment(path), at)
    }
    await log.maintain(quiet)
    expect(await numbersIn(log)).toEqual([1, 2, 3])
  })

  test('in the seal of a segment does not hide the segments behind it', async () => {
    const path = join(folder, 'log')
    {
      await using log = await openPushLog(path, { segmentBytes: 1 })
      for (const n of [1, 2, 3]) await put(log, record([n]))
    }
    const bytes = await readFile(segment(path))
    const { length } = bytes
    for (const harmed of [flipped(bytes, length - 1), flipped(bytes, length - 40), bytes.subarray(0, length - 1)]) {
      await writeFile(segment(path), harmed)
      await using log = await openPushLog(path)
      for (let look = 0; look < 2; look++)
        await expect(log.head()).rejects.toMatchObject({
          code: 'CORRUPT_STORE',
          message: expect.stringContaining(segment(path)) as string,
        })
    }
    await writeFile(segment(path), bytes)
    await using log = await openPushLog(path)
    expect(await numbersIn(log)).toEqual([1, 2, 3])
  })
})

describe('what was sealed', () => {
  /** A log with row files, a checkpoint and dead letters. */
  async function sealedLog(path: string): Promise<void> {
    await using log = await openPushLog(path, small)
    for (const n of [1, 2, 3]) {
      await put(log, record([n], { deadLetters: [letter(n)], idempotency: taken(`key ${n}`) }))
      await log.maintain(quiet)
    }
  }

  const readEverything = async (path: string): Promise<unknown> => {
    await using log = await openPushLog(path, small)
    return [await numbersIn(log), (await log.deadLetters({ limit: 9 })).length, (await log.lookup('key 2', start))?.key]
  }

  test.each(['rows', 'checkpoints', 'manifests'])(
    'of %s: missing, cut, or garbage, is named; a log is not read without it',
    async (part) => {
      const path = join(folder, 'log')
      await sealedLog(path)
      expect(await readEverything(path)).toEqual([[1, 2, 3], 3, 'key 2'])
      const newest = (await readdir(join(path, 'manifests'))).toSorted().at(-1)
      const names = (await readdir(join(path, part))).filter((name) => part !== 'manifests' || name === newest)
      expect(names.length).toBeGreaterThan(0)
      for (const name of names) {
        const file = join(path, part, name)
        const bytes = await readFile(file)
        const harms: Readonly<Record<string, () => Promise<void>>> = {
          ...(part === 'manifests' ? {} : { missing: () => rm(file) }),
          empty: () => writeFile(file, ''),
          'cut in half': () => truncate(file, bytes.length >> 1),
          'cut by one byte': () => truncate(file, bytes.length - 1),
          garbage: () => writeFile(file, Buffer.alloc(bytes.length, 'garbage ')),
          ...(part === 'rows' ? {} : { flipped: () => writeFile(file, flipped(bytes, bytes.length >> 1)) }),
        }
        for (const [harm, doHarm] of Object.entries(harms)) {
          await doHarm()
          const told = await readEverything(path).catch((thrown: unknown) => thrown)
          expect([name, harm, told]).toMatchObject([
            name,
            harm,
            {
              code: 'CORRUPT_STORE',
              message: expect.stringContaining(name) as string,
              remedy: expect.stringContaining('docs/guide/operating.md#restore') as string,
            },
          ])
          await writeFile(file, bytes)
        }
      }
      expect(await readEverything(path)).toEqual([[1, 2, 3], 3, 'key 2'])
    },
  )

  test('a manifest that was taken away is not made up for by an older one whose files are gone', async () => {
    const path = join(folder, 'log')
    await sealedLog(path)
    const manifests = (await readdir(join(path, 'manifests'))).toSorted()
    const copy = join(folder, 'copy')
    await cp(path, copy, { recursive: true })
    await rm(join(copy, 'manifests', manifests.at(-1) ?? ''))
    const told = await readEverything(copy).catch((thrown: unknown) => thrown)
    // Either what it names is still there, all of it, or it is told.
    if (Array.isArray(told)) expect(told).toEqual([[1, 2, 3], 3, 'key 2'])
    else expect(told).toMatchObject({ code: 'CORRUPT_STORE' })
  })
})
