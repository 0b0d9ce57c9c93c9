import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'vitest'
import { FullDisk, type Outcome } from './full-disk.ts'

let dir = ''
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'provender-full-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }))

/** What each call comes to where the disk is full of each store alone, and of all. */
const expected: Readonly<
  Record<string, Readonly<Record<'push' | 'apply' | 'materialize' | 'maintain' | 'upload', Outcome>>>
> = {
  metadata: { push: 'works', apply: 'full', materialize: 'full', maintain: 'works', upload: 'works' },
  offline: { push: 'full', apply: 'works', materialize: 'works', maintain: 'full', upload: 'works' },
  // An apply needs a few bytes of the online store, which has free pages now and then.
  online: { push: 'full', apply: 'either', materialize: 'full', maintain: 'full', upload: 'works' },
  temporary: { push: 'works', apply: 'works', materialize: 'works', maintain: 'works', upload: 'full' },
  'metadata,offline,online,temporary': {
    push: 'full',
    apply: 'full',
    materialize: 'full',
    maintain: 'full',

    upload: 'full',
  },
}

describe.each(Object.entries(expected))('a full disk under %s', (stores, outcomes) => {
  test(
    'refuses what needs room, loses nothing, goes on answering, and takes writes again once there is room',
    { timeout: 120_000 },
    async () => {
      await using disk = await FullDisk.start(dir, stores)
      await disk.works('apply', { wide: false, swapped: false })
      await disk.push(100)
      await disk.works('materialize')
      await disk.fill(0)
      for (let round = 0; round < 1; round++) {
        if (outcomes.push === 'full') await disk.pushUntilFull()
        else await disk.push(50)
        await disk.comesTo(outcomes.apply, 'apply', { wide: round === 0, swapped: true })
        await disk.comesTo(outcomes.materialize, 'materialize')
        await disk.comesTo(outcomes.maintain, 'maintain')
        await disk.uploads(outcomes.upload)
        await disk.expectReads()
      }
      await disk.works('free')
      await disk.expectRecovered()
    },
  )
})

test('queries that do not fit in memory are refused while there is no room to spill, and go on once there is', async () => {
  await using disk = await FullDisk.start(dir, 'offline')
  await disk.works('apply', { wide: false, swapped: false })
  await disk.fill(0)
  for (const of of ['sql', 'file']) await disk.comesTo('full', 'spill', { of })
  await disk.expectReads()
  await disk.works('free')
  for (const of of ['sql', 'file']) await disk.works('spill', { of })
})

test(
  'a disk that fills up while a push, a seal or a run is under way: whatever was told to be there is',
  { timeout: 120_000 },
  async () => {
    await using disk = await FullDisk.start(dir, 'metadata,offline,online')
    writeFileSync(join(dir, 'data', 'b.csv'), 'k,at,seen,v,w\n')
    await disk.works('apply', { wide: false, swapped: false })
    await disk.push(2000)
    for (const left of [12_000, 60_000, 150_000]) {
      await disk.fill(left)
      await disk.pushUntilFull()
      await disk.works('free')
      await disk.push(2000)
      await disk.fill(left)
      // A part of it fits, or all.
      for (const call of ['maintain', 'apply', 'materialize', 'maintain'])
        await disk.comesTo('either', call, { wide: left < 100_000, swapped: left > 20_000 })
      await disk.expectReads()
      await disk.works('free')
      await disk.expectRecovered()
    }
  },
)

test('a disk that takes no more files refuses what needs one, and still answers', { timeout: 120_000 }, async () => {
  await using disk = await FullDisk.start(dir, 'metadata,offline,online', { inodes: 100 })
  await disk.works('apply', { wide: false, swapped: false })
  await disk.push(2000)
  await disk.works('materialize')
  await disk.works('fillFiles')
  for (let round = 0; round < 3; round++) {
    await disk.comesTo('either', 'push')
    await disk.comesTo('full', 'maintain')
    await disk.expectReads()
    // User SQL that fits in memory: a DuckDB of its own.
    await disk.works('spill', { of: 'sql', rows: 10 })
  }
  await disk.works('free')
  await disk.expectRecovered()
})
