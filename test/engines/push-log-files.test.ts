import { appendFile, cp, mkdtemp, readFile, readdir, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { encodeFrame, noWitness } from '../../src/engines/duckdb/push-log/frame.ts'
import { openPushLog } from '../../src/engines/duckdb/push-log/push-log.ts'
import { decodeHead, decodeRecord, encodeRecord } from '../../src/engines/duckdb/push-log/record-codec.ts'
import type { LogRecord } from '../../src/ports/push-log.ts'
import {
  airports,
  assertRead,
  edgeRecord,
  letter,
  put,
  readAll,
  record,
  row,
  start,
  taken,
} from '../../src/testing/push-log-records.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'provender-log-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})

const segment = (path: string, number = 1): string => join(path, 'segments', `${String(number).padStart(8, '0')}.log`)
const quiet = { purge: [], nowUs: start }

describe('torn frames', () => {
  /** A log of three records; the last one is a frame of its own. */
  async function threeRecords(path: string): Promise<{
    readonly kept: (readonly [bigint, LogRecord])[]
    readonly last: readonly [bigint, LogRecord]
    readonly from: number
    readonly bytes: Buffer
  }> {
    await using log = await openPushLog(path)
    const kept = [
      [await put(log, record([1])), record([1])],
      [await put(log, record([2], { idempotency: taken('k') })), record([2])],
    ] as const
    const from = (await stat(segment(path))).size
    const last = [await put(log, record([3])), record([3])] as const
    return { kept: [...kept], last, from, bytes: await readFile(segment(path)) }
  }

  test('a last frame that is cut at any byte counts as nothing, and what is appended behind it counts', async () => {
    const { kept, from, bytes } = await threeRecords(join(folder, 'log'))
    for (let end = from; end < bytes.length; end++) {
      await truncate(segment(join(folder, 'log')), end)
      await using log = await openPushLog(join(folder, 'log'))
      const head = await log.head()
      assertRead(await readAll(log), kept)
      const next = await put(log, record([4]))
      expect(next >= head && (await log.head()) > next).toBe(true)
      assertRead(await readAll(log), [...kept, [next, record([4])]])
      await using other = await openPushLog(join(folder, 'log'))
      assertRead(await readAll(other), [...kept, [next, record([4])]])
      await writeFile(segment(join(folder, 'log')), bytes)
    }
    expect(bytes.length - from).toBeGreaterThan(60)
  })

  test('any torn pieces between frames, from any writer, are passed over', async () => {
    const { bytes } = await threeRecords(join(folder, 'log'))
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.uint8Array({ maxLength: 40 }),
            fc.nat({ max: bytes.length - 1 }).map((end) => bytes.subarray(0, end)),
          ),
          { minLength: 1, maxLength: 4 },
        ),
        async (pieces) => {
          const path = await mkdtemp(join(folder, 'copy-'))
          await cp(join(folder, 'log'), path, { recursive: true })
          await using log = await openPushLog(path)
          const before = (await readAll(log)).map(({ record: { rows } }) => rows[0]?.values[1])
          expect(before).toEqual([1, 2, 3])
          const whole = 3
          const written: number[] = []
          for (const [i, piece] of pieces.entries()) {
            // A piece that begins with whole frames would repeat them; only what is torn is tried here.
            const torn =
              piece.length >= 16 && Buffer.compare(piece.subarray(0, 8), bytes.subarray(0, 8)) === 0
                ? piece.subarray(0, Math.min(piece.length, 60))
                : piece
            await appendFile(segment(path), torn)
            written.push(10 + i)
            await put(log, record([10 + i]))
          }
          await using other = await openPushLog(path)
          for (const handle of [log, other])
            expect((await readAll(handle)).slice(whole).map(({ record: { rows } }) => rows[0]?.values[1])).toEqual(
              written,
            )
        },
      ),
      { numRuns: 25 },
    )
  })

  test('a pushed value that looks like a frame is not taken for one, even where its own frame is torn', async () => {
    const path = join(folder, 'log')
    {
      await using log = await openPushLog(path)
      const forged = encodeFrame(Buffer.from('forgery!'), {
        kind: 'records',
        writer: { id: Buffer.alloc(8), counter: 1 },
        witness: noWitness,
        entries: [{ position: 0n, bytes: encodeRecord(record([666])) }],
      })
      await put(
        log,
        record([], { columns: [{ name: 'blob', type: 'bytes' }], rows: [{ ...row(1), values: [forged] }] }),
      )
    }
    await truncate(segment(path), (await stat(segment(path))).size - 1)
    await using log = await openPushLog(path)
    assertRead(await readAll(log), [])
  })
})

describe('the record codec', () => {
  test('gives back every part of a record', () => {
    for (const each of [
      edgeRecord(),
      record([1, 2], { idempotency: taken('k'), deadLetters: [letter(1), letter(2)], replayed: ['a', ''] }),
      record([], { target: { kind: 'source', name: 's' }, to: 'offline' }),
    ]) {
      const bytes = encodeRecord(each)
      expect(decodeRecord(bytes)).toEqual(each)
      const { key, atUs } = each.idempotency ?? { key: '', atUs: 0n }
      expect(decodeHead(bytes)).toEqual({
        target: each.target,
        to: each.to,
        claim: each.idempotency === undefined ? null : { key, atUs },
        letters: each.deadLetters.length > 0,
        replayed: each.replayed.length > 0,
        rows: each.rows.length > 0,
      })
    }
  })

  test('has the bytes that it had', () => {
    const columns = [
      { name: 'a', type: 'string' },
      { name: 'b', type: 'list<int32>' },
      { name: 'c', type: 'int64' },
    ] as const
    const bytes = encodeRecord(
      record([], {
        target: airports,
        to: 'online',
        columns,
        rows: [{ event: 1n, created: -1n, tie: 2n, values: ['é', [1, null], null] }],
        idempotency: { key: 'k', atUs: 5n, bodyHash: 'h', answer: '{}' },
      }),
    )
    expect(bytes.toString('hex')).toMatchInlineSnapshot(
      `"09010008616972706f727473016b05000000000000000168027b7d03000000016106737472696e6701620b6c6973743c696e7433323e016305696e743634010000000100000000000000ffffffffffffffff02000000000000000402c3a9020201000000"`,
    )
  })

  test('frames have the bytes that they had', () => {
    const writer = { id: Buffer.from('writerid'), counter: 3 }
    const entries = [
      { position: 0n, bytes: Buffer.from('one') },
      { position: 5n, bytes: Buffer.alloc(0) },
    ]
    const witness = { durable: 2 ** 40 + 1, tornBytes: 7 }
    const frame = encodeFrame(Buffer.from('a marker'), { kind: 'records', writer, witness, entries })
    expect(frame.toString('hex')).toMatchInlineSnapshot(
      `"61206d61726b657239000000282075b20300777269746572696403000000010000000001070000000000020000000000000000000000030000006f6e6505000000000000000000000000"`,
    )
  })

  // The bytes in place of which the next frame's first ones come must not be those: a chance of one in 256 for each marker.
  test('a frame that lacks its last bytes is not made whole by the frame behind it', () => {
    const writer = { id: Buffer.from('writerid'), counter: 3 }
    for (let n = 0; n < 2000; n++) {
      const marker = Buffer.from(Array.from({ length: 8 }, (_, i) => (n * 31 + i * i * 7) % 256))
      const bytes = Buffer.from([n % 256, n >> 8])
      const frame = encodeFrame(marker, {
        kind: 'records',
        writer,
        witness: noWitness,
        entries: [{ position: 1n, bytes }],
      })
      for (let lost = 1; lost <= marker.length; lost++)
        expect(marker.subarray(0, lost).equals(frame.subarray(frame.length - lost))).toBe(false)
    }
  })

  test('refuses bytes that end early', () => {
    const bytes = encodeRecord(record([1], { idempotency: taken('k') }))
    for (let end = 0; end < bytes.length; end++)
      expect(() => decodeRecord(bytes.subarray(0, end))).toThrow(/cannot be read/)
  })
})

describe('manifests', () => {
  async function sealedLog(path: string): Promise<(readonly [bigint, LogRecord])[]> {
    await using log = await openPushLog(path, { sealBytes: 1, mergeFiles: 2 })
    const all: (readonly [bigint, LogRecord])[] = []
    for (let n = 0; n < 5; n++) {
      all.push([
        await put(
          log,
          record([n], {
            deadLetters: [letter(n)],
            replayed: n === 3 ? [letter(1).id] : [],
            idempotency: taken(`key ${n}`),
          }),
        ),
        record([n]),
      ])
      if (n !== 2) await log.maintain(quiet)
    }
    return all
  }

  test('a crash before any step of maintenance leaves a log that reads the same and goes on', async () => {
    const path = join(folder, 'log')
    const all = await sealedLog(path)
    const manifests = (await readdir(join(path, 'manifests'))).toSorted()
    expect(manifests.length).toBeGreaterThan(5)
    for (let kept = 1; kept <= manifests.length; kept++) {
      // Nothing is deleted within the hour: with the later manifests away, the folder is as it was before they were published.
      const copy = await mkdtemp(join(folder, 'copy-'))
      await cp(path, copy, { recursive: true })
      for (const name of manifests.slice(kept)) await rm(join(copy, 'manifests', name))
      await using log = await openPushLog(copy, { sealBytes: 1, mergeFiles: 2, keepReplacedMs: 0 })
      const check = async (expected: (readonly [bigint, LogRecord])[]): Promise<void> => {
        assertRead(await readAll(log), expected)
        expect(await log.deadLetters({ limit: 99 })).toEqual([0, 2, 3, 4].map((n) => letter(n)))
        expect(await log.lookup('key 2', start)).toEqual(taken('key 2'))
      }
      await check(all)
      const next = [await put(log, record([9])), record([9])] as const
      await log.maintain(quiet)
      await check([...all, next])
      expect((await log.index.manifest()).manifest.files.length).toBe(1)
      expect((await readdir(join(copy, 'rows'))).length, 'what the crash left behind is gone').toBe(1)
      expect(await readdir(join(copy, 'segments'))).toEqual([])
    }
  })

  test('a damaged or missing manifest is named, and nothing is guessed', async () => {
    const path = join(folder, 'log')
    await sealedLog(path)
    const newest = (await readdir(join(path, 'manifests'))).toSorted().at(-1) ?? ''
    const text = await readFile(join(path, 'manifests', newest), 'utf8')
    for (const end of [0, 5, 9, 10, text.length - 1]) {
      await writeFile(join(path, 'manifests', newest), text.slice(0, end))
      await expect(openPushLog(path)).rejects.toMatchObject({
        code: 'CORRUPT_STORE',
        message: expect.stringContaining(newest) as unknown,
      })
    }
    await rm(join(path, 'manifests'), { recursive: true })
    for (const part of ['segments', 'rows', 'checkpoints']) {
      await expect(openPushLog(path)).rejects.toMatchObject({
        code: 'CORRUPT_STORE',
        message: expect.stringContaining(part) as unknown,
      })
      await rm(join(path, part), { recursive: true })
    }
  })

  test('a segment that was taken away is named, not skipped', async () => {
    const path = join(folder, 'log')
    await using log = await openPushLog(path, { segmentBytes: 1 })
    for (let n = 0; n < 4; n++) await put(log, record([n]))
    await rm(segment(path, 2))
    await using other = await openPushLog(path)
    await expect(other.head()).rejects.toMatchObject({
      code: 'CORRUPT_STORE',
      message: expect.stringContaining('00000002.log') as unknown,
    })
    await expect(put(other, record([9]))).rejects.toMatchObject({ code: 'CORRUPT_STORE' })
  })

  test('a row file that is damaged is named where it is read', async () => {
    const path = join(folder, 'log')
    await sealedLog(path)
    const rows = await readdir(join(path, 'rows'))
    for (const name of rows) await truncate(join(path, 'rows', name), 100)
    await using log = await openPushLog(path)
    await expect(readAll(log)).rejects.toMatchObject({
      code: 'CORRUPT_STORE',
      message: expect.stringMatching(/view-airports-.*parquet/) as unknown,
    })
  })

  test('replaced files live until their time is over, and so do strays', async () => {
    const path = join(folder, 'log')
    const all = await sealedLog(path)
    const stray = join(path, 'rows', 'view-stray-0.parquet')
    await writeFile(stray, 'half a file')
    const before = await readdir(join(path, 'rows'))
    await using log = await openPushLog(path)
    await log.maintain(quiet)
    expect(await readdir(join(path, 'rows'))).toEqual(before)
    const old = new Date(Date.now() - 2 * 3_600_000)
    await utimes(stray, old, old)
    await log.maintain(quiet)
    expect(await readdir(join(path, 'rows'))).toEqual(before.filter((name) => !name.includes('stray')))
    assertRead(await readAll(log), all)
  })
})
