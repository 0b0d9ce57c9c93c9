import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { open } from 'lmdb'
import { isTombstone } from '../../src/codecs/packed-row.ts'
import { must } from '../../src/kernel/assert.ts'
import { openLmdbOnline } from '../../src/engines/lmdb/online.ts'
import { assertRow, assertStored, expected, keyed, packed, readRows } from '../../src/testing/online-rows.ts'
import { hotKeys, hotSpace, writesOf } from '../support/lmdb-writer.ts'

let folder: string
const children: ChildProcess[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'provender-lmdb-'))
})

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

function startWriter(seed: number, writes: number): ChildProcess {
  const writer = join(import.meta.dirname, '../support/lmdb-writer.ts')
  const child = spawn(process.execPath, [writer, folder, String(seed), String(writes)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  return child
}

describe('several processes on one LMDB folder', () => {
  test('writers of the same hot keys end in what the Order says, and no reader sees a row go back', async () => {
    const [first, second] = [startWriter(1, 6000), startWriter(2, 6000)]
    const ended = Promise.all([once(first, 'exit'), once(second, 'exit')])
    await using store = await openLmdbOnline(folder)
    let writing = true
    void ended.then(() => {
      writing = false
    })
    let seen = new Map<string, Uint8Array>()
    while (writing) {
      const [rows] = await readRows(store, [{ space: hotSpace, keys: hotKeys }])
      const now = hotKeys.flatMap((key, i) => (rows?.[i] instanceof Uint8Array ? [{ key, row: rows[i] }] : []))
      const before = [...seen].map(([key, row]) => ({ key: Buffer.from(key, 'hex'), row }))
      seen = expected([...before, ...now])
      for (const { key, row } of now)
        assertRow(row, seen.get(key.toString('hex')) ?? null, 'what is read never goes back')
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    expect((await ended).map(([code]: unknown[]) => code)).toEqual([0, 0])
    const left = expected([...writesOf(1, 6000), ...writesOf(2, 6000)])
    await assertStored(store, hotSpace, hotKeys, left)
    const rows = [...left.values()].filter((row) => !isTombstone(row)).length
    expect((await store.readMarks([hotSpace]))[0]?.held).toEqual({ rows, newestEvent: 1n })
  })

  test('a writer that is killed leaves whole rows, and neither its lock nor its places for readers stay taken', async () => {
    await using store = await openLmdbOnline(folder)
    const marker = keyed('marker', packed({ event: 1 }))
    const written = writesOf(3, 20_000)
    for (let round = 0; round < 3; round++) {
      const child = startWriter(3, 20_000)
      while (((await readRows(store, [{ space: hotSpace, keys: hotKeys }]))[0] ?? []).every((row) => row === null))
        await new Promise((resolve) => setTimeout(resolve, 5))
      await new Promise((resolve) => setTimeout(resolve, 20 * round))
      child.kill('SIGKILL')
      await once(child, 'exit')
      await store.write({ view: 'other', generation: BigInt(round) }, [marker])
      const possible = new Set(written.map(({ row }) => Buffer.from(row).toString('hex')))
      const [rows] = await readRows(store, [{ space: hotSpace, keys: hotKeys }])
      for (const row of rows ?? [])
        assert.ok(row === null || possible.has(Buffer.from(row).toString('hex')), 'a row is whole')
      const found = (rows ?? []).filter((row) => row !== null && !isTombstone(row)).length
      expect((await store.readMarks([hotSpace]))[0]?.held?.rows).toBe(found)
    }
  })

  test('a folder that is deleted under a running process is a new, empty store', async () => {
    await using store = await openLmdbOnline(folder)
    await store.write(hotSpace, [keyed('k', packed({ event: 1 }))])
    await store.birth(hotSpace, 5n)
    const [before] = await store.readMarks([hotSpace])
    rmSync(folder, { recursive: true })
    expect(await store.moveCursor(hotSpace, 6n, before?.incarnation ?? '')).toBe(false)
    const [after] = await store.readMarks([hotSpace])
    expect(after?.incarnation).not.toBe(before?.incarnation)
    expect([after?.cursor, after?.stamp]).toEqual([null, null])
    await assertStored(store, hotSpace, [Buffer.from('k')], new Map())
    rmSync(folder, { recursive: true })
    const rows = Array.from({ length: 50_000 }, (_, i) => keyed(`k${i}`, packed({ event: 1 })))
    const writing = store.write(hotSpace, rows)
    await new Promise((resolve) => setTimeout(resolve, 10))
    rmSync(folder, { recursive: true })
    await writing
    await assertStored(
      store,
      hotSpace,
      rows.map((r) => r.key),
      expected(rows),
    )
  })

  test('a bulk writer does not keep the rows of another process waiting', async () => {
    await using store = await openLmdbOnline(folder)
    const child = startWriter(4, 2000)
    const said = text(must(child.stdout, 'the child writes to a pipe'))
    const ended = once(child, 'exit')
    const bulk = Array.from({ length: 30_000 }, (_, i) => keyed(`bulk-${i}`, packed({ event: 1 }, 'x'.repeat(60))))
    for (let round = 0; child.exitCode === null; round++)
      await store.write({ view: 'bulk', generation: BigInt(round) }, bulk)
    expect((await ended)[0]).toBe(0)
    // With transactions of 10,000 rows it is above 100 ms, with slices 2 to 5.
    expect(Number(await said)).toBeLessThan(50)
  })

  test('a store that is full says so, goes on answering reads, and takes rows again when there is room', async () => {
    const filler = join(import.meta.dirname, '../support/lmdb-filler.ts')
    // A limit on the size of files stands for a full disk; the signal that goes with it would end the process.
    const child = spawn(
      'sh',
      ['-c', `trap '' XFSZ; ulimit -f 12000; exec "$0" "$@"`, process.execPath, filler, folder],
      {
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    )
    children.push(child)
    const said = text(must(child.stdout, 'the child writes to a pipe'))
    expect(await once(child, 'exit')).toEqual([0, null])
    const { written, ...rest } = JSON.parse(await said) as { written: number }
    expect(written).toBeGreaterThan(1000)
    expect(rest).toEqual({
      code: 'STORE_FULL',
      together: Array(3).fill('STORE_FULL'),
      found: written,
      freed: 'none',
      after: 'none',
    })
  })

  test('rows that were never counted, as an earlier release wrote them, are not told as a wrong number', async () => {
    const row = (key: string) => keyed(key, packed({ event: 1 }))
    {
      await using store = await openLmdbOnline(folder)
      await store.write(hotSpace, [row('a')])
      await store.birth(hotSpace, 7n)
    }
    const root = open<Buffer, Uint8Array>({ path: folder, encoding: 'binary', keyEncoding: 'binary', noSubdir: false })
    const marks = root.openDB<Buffer, Uint8Array>({ name: 'marks', encoding: 'binary', keyEncoding: 'binary' })
    for (const { key, value } of Array.from(marks.getRange())) {
      const uncounted = Buffer.from(value.subarray(0, 17))
      uncounted[0] = 3
      await marks.put(key, uncounted)
    }
    await root.close()
    await using store = await openLmdbOnline(folder)
    await store.write(hotSpace, [row('b')])
    expect((await store.readMarks([hotSpace]))[0]).toMatchObject({ cursor: 7n, held: null })
    const everything = { eventBefore: 2n, revisionUpTo: 1n, tombstones: true }
    await store.sweep(hotSpace, everything)
    await store.write(hotSpace, [row('c')])
    expect((await store.readMarks([hotSpace]))[0]).toMatchObject({ cursor: 7n, held: { rows: 1, newestEvent: 1n } })
  })

  test('what is no online store is refused: CORRUPT_STORE', async () => {
    for (const content of ['', 'not LMDB', 'x'.repeat(100_000)]) {
      writeFileSync(join(folder, 'data.mdb'), content)
      if (content === '') await (await openLmdbOnline(folder))[Symbol.asyncDispose]()
      else await expect(openLmdbOnline(folder)).rejects.toMatchObject({ code: 'CORRUPT_STORE' })
    }
    writeFileSync(join(folder, 'file'), '')
    await expect(openLmdbOnline(join(folder, 'file'))).rejects.toMatchObject({ code: 'CORRUPT_STORE' })
  })
})
