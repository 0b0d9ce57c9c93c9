import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type FilePushLog, openPushLog } from '../../src/engines/duckdb/push-log/push-log.ts'
import type { LogRecord } from '../../src/ports/push-log.ts'
import { assertRead, positionOf, put, readAll, record, start, taken } from '../../src/testing/push-log-records.ts'

let path = ''
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'provender-log-'))
})
afterEach(async () => {
  await rm(path, { recursive: true })
})

const quiet = { purge: [], nowUs: start }
const eager = { sealBytes: 1, mergeFiles: 2, keepReplacedMs: 0 }

/** Lets something happen before or after the nth time that a handle looks at the log, as if its process had slept there. */
function sleepAt(
  log: FilePushLog,
  at: { readonly look: number; readonly when: 'before' | 'after' },
  meanwhile: () => Promise<void>,
): void {
  const refresh = log.index.refresh.bind(log.index)
  let looks = 0
  log.index.refresh = async () => {
    const now = looks++ === at.look
    if (now && at.when === 'before') await meanwhile()
    const view = await refresh()
    if (now && at.when === 'after') await meanwhile()
    return view
  }
}

test('a handle that slept while everything it knew was sealed and deleted appends where others read', async () => {
  await using sleeper = await openPushLog(path, eager)
  await using log = await openPushLog(path, eager)
  const first = record([0], { idempotency: taken('k') })
  const expected: (readonly [bigint, LogRecord])[] = [[await put(sleeper, first), first]]
  for (let n = 1; n < 5; n++) {
    expected.push([await put(log, record([n])), record([n])])
    await log.maintain(quiet)
  }
  expect(await readdir(join(path, 'segments'))).toEqual([])
  const again = record([7], { idempotency: taken('k', start + 1n) })
  expect(await sleeper.append([again])).toEqual([{ kind: 'repeated', earlier: taken('k') }])
  expected.push([await put(sleeper, record([8])), record([8])])
  assertRead(await readAll(log), expected)
  assertRead(await readAll(sleeper), expected)
})

test('a segment that is sealed and put into row files between a write and the look at it holds the write once', async () => {
  await using sleeper = await openPushLog(path)
  await using log = await openPushLog(path, { sealBytes: 1 })
  const records = [record([1]), record([2], { idempotency: taken('k') }), record([3], { idempotency: taken('k') })]
  sleepAt(sleeper, { look: 1, when: 'before' }, async () => log.maintain(quiet))
  const answers = await sleeper.append(records)
  expect(answers[2]).toEqual({ kind: 'repeated', earlier: taken('k') })
  const expected = [0, 1].map((n) => [positionOf(answers[n]), records[n] ?? record([])] as const)
  expect((await sleeper.index.manifest()).manifest.sealedThrough).toBe(1)
  assertRead(await readAll(log), expected)
  assertRead(await readAll(sleeper), expected)
})

test('a segment that is sealed between a look and a write takes no write, and the next one takes it once', async () => {
  await using sleeper = await openPushLog(path)
  const expected: (readonly [bigint, LogRecord])[] = [[await put(sleeper, record([0])), record([0])]]
  sleepAt(sleeper, { look: 0, when: 'after' }, async () => {
    await using log = await openPushLog(path, { segmentBytes: 1 })
    expected.push([await put(log, record([1])), record([1])])
  })
  expected.push([await put(sleeper, record([2])), record([2])])
  assertRead(await readAll(sleeper), expected)
  expect((await readdir(join(path, 'segments'))).length).toBe(2)
})

test('a writer that makes a segment anew which was sealed and deleted meanwhile writes into a later one', async () => {
  await using sleeper = await openPushLog(path)
  await using log = await openPushLog(path, eager)
  const expected: (readonly [bigint, LogRecord])[] = []
  sleepAt(sleeper, { look: 0, when: 'after' }, async () => {
    expected.push([await put(log, record([1])), record([1])])
    await log.maintain(quiet)
    expect(await readdir(join(path, 'segments'))).toEqual([])
  })
  expected.push([await put(sleeper, record([2])), record([2])])
  assertRead(await readAll(log), expected)
  await log.maintain(quiet)
  await using late = await openPushLog(path)
  assertRead(await readAll(late), expected)
})
