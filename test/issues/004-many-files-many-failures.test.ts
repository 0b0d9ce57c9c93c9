import { expect, test } from 'vitest'
import { type AttemptFacts, beginAttempt, begunKept, isExplained, progressOf } from '../../src/decide/attempt.ts'
import { noGenerations } from '../../src/decide/generations.ts'
import { noProgress } from '../../src/decide/progress.ts'
import { limits } from '../../src/kernel/limits.ts'

const target = { generation: 5n, revision: 5n, definition: 1, bornAtMs: 0 }
const facts: AttemptFacts = {
  generations: { ...noGenerations, serving: target },
  progress: noProgress,
  target,
  stamp: { attempt: 0n, state: 'done' },
  files: [],
  head: 1n,
  now: 1000n,
  nowMs: 0,
  request: { repair: false },
  sql: null,
  foreign: null,
}

// A look for each file at every other one took seven seconds, in which the process answered nobody.
test('an attempt over as many files as are allowed is decided within a second', () => {
  const files = Array.from({ length: limits.sourceFiles }, (_, i) => ({
    path: `/data/a/long/way/down/to/the/files/of/the/year/part-${String(i).padStart(9, '0')}.parquet`,
    sizeBytes: 1,
    mtimeUs: 1n,
    inode: BigInt(i),
  }))
  const startedMs = performance.now()
  const attempt = beginAttempt({ ...facts, files })
  expect(performance.now() - startedMs).toBeLessThan(1000)
  expect(attempt.newFiles.length).toBe(files.length)
})

test('a view whose runs fail for ever does not remember them for ever', () => {
  let { progress } = facts
  for (let i = 0; i < begunKept * 2; i++)
    progress = beginAttempt({ ...facts, progress, now: BigInt(1000 + i) }).progress
  const { begun } = progressOf(progress, target.generation)
  expect(begun.length).toBe(begunKept)
  expect(isExplained(progressOf(progress, target.generation), { attempt: progress.lastAttempt, state: 'open' })).toBe(
    true,
  )
  const forgotten = { ...facts, progress, stamp: { attempt: 1000n, state: 'open' as const } }
  expect(beginAttempt(forgotten).rebuild).toBe('online store is not what it was')
})
