import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeLogFolder } from '../../src/engines/duckdb/push-log/log-folder.ts'
import { takeMaintenance } from '../../src/engines/duckdb/push-log/maintenance-lease.ts'
import { openPushLog } from '../../src/engines/duckdb/push-log/push-log.ts'
import { processOwner } from '../../src/kernel/process-owner.ts'
import { put, record } from '../../src/testing/push-log-records.ts'

let path = ''
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'provender-log-'))
})
afterEach(async () => {
  await rm(path, { recursive: true })
})

const lock = (): string => join(path, 'maintenance.lock')

test('one maintains at a time, and who comes meanwhile does nothing', async () => {
  const folder = await makeLogFolder(path)
  await using log = await openPushLog(path, { sealBytes: 1 })
  await put(log, record([1]))
  {
    await using lease = await takeMaintenance(folder)
    expect(lease).toBeDefined()
    expect(await takeMaintenance(folder)).toBeUndefined()
    await log.maintain({ purge: [], nowUs: 0n })
    expect(await readdir(folder.rows)).toEqual([])
  }
  await log.maintain({ purge: [], nowUs: 0n })
  expect((await readdir(folder.rows)).length).toBe(1)
  expect(await readdir(folder.unfinished)).toEqual([])
})

test('who tries for the lease all the while disturbs nobody who has it', async () => {
  const folder = await makeLogFolder(path)
  await using log = await openPushLog(path)
  let tries = 0
  let over = false
  const others = Array.from({ length: 8 }, async () => {
    for (; !over; tries++) await (await takeMaintenance(folder))?.[Symbol.asyncDispose]()
  })
  try {
    for (let i = 0; i < 100; i++) await log.maintain({ purge: [], nowUs: 0n })
  } finally {
    over = true
    await Promise.all(others)
  }
  expect(tries).toBeGreaterThan(100)
})

test('the lease of a process that ended is free at once, that of one far away when it is no longer renewed', async () => {
  const folder = await makeLogFolder(path)
  const held = async (owner: object): Promise<boolean> => {
    await writeFile(lock(), JSON.stringify({ token: 'theirs', owner }))
    await using lease = await takeMaintenance(folder)
    return lease === undefined
  }
  expect(await held({ ...processOwner(), startedAt: 'before' })).toBe(false)
  const far = { ...processOwner(), host: 'elsewhere' }
  expect(await held(far)).toBe(true)
  const old = new Date(Date.now() - 61_000)
  await utimes(lock(), old, old)
  await using lease = await takeMaintenance(folder)
  expect(lease).toBeDefined()
})

test('a lease that is not ours any more is left to who has it', async () => {
  const folder = await makeLogFolder(path)
  const lease = await takeMaintenance(folder)
  await writeFile(lock(), 'no lease at all')
  await lease?.[Symbol.asyncDispose]()
  expect(await readdir(path)).toContain('maintenance.lock')
  expect(await takeMaintenance(folder)).toBeUndefined()
})
