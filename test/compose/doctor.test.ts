import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { nodeFinding, openFilesFinding, variablesFinding } from '../../src/compose/doctor/machine.ts'
import {
  type Place,
  diskFinding,
  fileSystemFinding,
  foldersFinding,
  placesOf,
} from '../../src/compose/doctor/places.ts'
import { readersFinding } from '../../src/compose/doctor/readers.ts'
import { serverFinding } from '../../src/compose/doctor/server.ts'
import { examine } from '../../src/compose/examine.ts'
import { openStore } from '../../src/compose/open-store.ts'
import type { DoctorCheck, DoctorReport } from '../../src/contract/store.ts'
import { openLmdbOnline } from '../../src/engines/lmdb/online.ts'
import { readersOf } from '../../src/engines/lmdb/readers.ts'
import { serveRepository } from '../../src/server/serve-repository.ts'
import { loadConfig } from '../../src/definitions/load-files.ts'
import { type Clock, manualClock } from '../../src/kernel/clock.ts'
import { processOwner } from '../../src/kernel/process-owner.ts'
import { hour, putThings, things, wait } from '../../src/testing/store-bench.ts'
import { type MemoryStoreUnderTest, epoch, openMemoryStore } from '../support/memory-store.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'provender-doctor-'))
  write('provender.yaml', 'project: ward\n')
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

function write(file: string, text: string): void {
  mkdirSync(join(dir, file, '..'), { recursive: true })
  writeFileSync(join(dir, file), text)
}

const found = ({ checks }: DoctorReport, name: string): DoctorCheck => {
  const check = checks.find((each) => each.name === name)
  if (check === undefined) throw new Error(`No check ${name} among ${checks.map((each) => each.name).join(', ')}`)
  return check
}

const definitions = `
entities: { shop: { key: int64 } }
sources: { sales: { type: csv, path: data/sales.csv, timestamp: at } }
views: { takings: { entities: [shop], source: sales, features: { amount: float64 } } }
`

/** A repository in which all is well. */
async function wellKept(clock?: Clock): Promise<void> {
  write('features/sales.yaml', definitions)
  write('data/sales.csv', 'shop,amount,at\n1,2.5,2026-01-01\n')
  await using store = await openStore(dir, clock === undefined ? {} : { clock })
  const { loadRepository } = await import('../../src/definitions/load-files.ts')
  await store.apply((await loadRepository(dir)).definitions)
  await store.materialize()
}

test('where all is well every check says so, each name once', async () => {
  await wellKept()
  const { ok, checks } = await examine(dir)
  expect(
    checks.filter(
      ({ name, status }) => status !== 'ok' && !['disk', 'file-system', 'open-files', 'server'].includes(name),
    ),
  ).toEqual([])
  expect(ok).toBe(true)
  expect(checks.map(({ name }) => name)).toEqual([
    'node',
    'open-files',
    'variables',
    'folders',
    'disk',
    'file-system',
    'metadata',
    'offline',
    'online',
    'online-readers',
    'online-servers',
    'server',
    'clock',
    'registry',
    'files',
    'sources',
    'materialized',
    'freshness',
    'push-log',
    'dead-letters',
    'runs',
  ])
})

test('the machine: an old Node, a strange system, few open files, variables that nobody reads', () => {
  const good = { node: '24.1.0', platform: 'linux', arch: 'x64', openFiles: 20_000 }
  expect(nodeFinding(good).status).toBe('ok')
  expect(nodeFinding({ ...good, node: '22.9.1' })).toMatchObject({
    status: 'fail',
    detail: expect.stringContaining('22.9.1') as string,
  })
  expect(nodeFinding({ ...good, platform: 'win32' })).toMatchObject({
    status: 'fail',
    remedy: expect.stringContaining('WSL') as string,
  })
  expect([openFilesFinding(good).status, openFilesFinding({ ...good, openFiles: null }).status]).toEqual(['ok', 'ok'])
  expect(openFilesFinding({ ...good, openFiles: 1024 })).toMatchObject({
    status: 'warn',
    detail: expect.stringContaining('1,024') as string,
  })

  write('provender.yaml', 'project: ward\nonline: ${PROVENDER_MINE:-x}\n')
  const environment = { PROVENDER_MINE: 'x', PROVENDER_SERVER_PORT: '1', PROVENDER_DEBUG: '1', HOME: '/' }
  expect(variablesFinding(dir, environment)).toEqual({
    status: 'ok',
    detail: 'settings overridden by PROVENDER_SERVER_PORT',
  })
  expect(variablesFinding(dir, { ...environment, PROVENDER_SERVR_PORT: '1' })).toMatchObject({
    status: 'warn',
    detail: expect.stringContaining('PROVENDER_SERVR_PORT (did you mean PROVENDER_SERVER_PORT?)') as string,
  })
})

test('the places of the engines: no room, no right, no disk of this machine', async () => {
  const place: Place = {
    name: 'online',
    path: '.provender/online',
    refused: null,
    device: 1n,
    freeBytes: 50 * 1024 ** 3,
    totalBytes: 100 * 1024 ** 3,
    freeFiles: 1e6,
    kind: 0xef53,
  }
  const all = (some: Partial<Place>): string[] => {
    const places = [place, { ...place, name: 'offline', device: 2n, ...some }]
    return [foldersFinding(places), diskFinding(places), fileSystemFinding(places)].map(({ status }) => status)
  }
  expect(all({})).toEqual(['ok', 'ok', 'ok'])
  expect(all({ refused: 'EACCES' })).toEqual(['fail', 'ok', 'ok'])
  expect(all({ freeBytes: 1024 ** 3 })).toEqual(['ok', 'warn', 'ok'])
  expect(all({ freeBytes: 1024 })).toEqual(['ok', 'fail', 'ok'])
  expect(all({ freeFiles: 3 })).toEqual(['ok', 'fail', 'ok'])
  expect(all({ kind: 0x6969 })).toEqual(['ok', 'ok', 'fail'])
  // As a signed number, which some systems give.
  expect(all({ kind: 0xff53_4d42 | 0 })).toEqual(['ok', 'ok', 'fail'])
  expect(all({ kind: 0x0102_1994 })).toEqual(['ok', 'ok', 'warn'])

  write('provender.yaml', 'project: ward\nonline: afile/online\noffline: new/place\n')
  write('afile', '')
  const [metadata, offline, online] = await placesOf(loadConfig(dir))
  expect(metadata).toMatchObject({ name: 'metadata', path: '.provender/metadata.db', refused: null })
  expect(offline).toMatchObject({ name: 'offline', path: 'new/place', refused: null })
  expect(offline?.totalBytes).toBeGreaterThan(offline?.freeBytes ?? 0)
  expect(online).toMatchObject({ name: 'online', refused: expect.stringContaining('afile') as string })
  expect(existsSync(join(dir, 'new'))).toBe(false)
})

test('a configuration that is wrong and a store that cannot be opened are found, not thrown', async () => {
  write('provender.yaml', 'project: ward\nonlin: x\n')
  const wrong = await examine(dir)
  expect(wrong).toMatchObject({ ok: false })
  expect(found(wrong, 'config')).toMatchObject({
    status: 'fail',
    detail: expect.stringContaining('onlin') as string,
    remedy: expect.any(String) as string,
  })
  expect(found(wrong, 'node').status).toBe('ok')

  write('provender.yaml', 'project: ward\n')
  write('.provender/metadata.db', 'this is no database, and was never one'.repeat(100))
  const corrupt = await examine(dir)
  expect(corrupt.ok).toBe(false)
  expect(
    corrupt.checks
      .filter(({ status }) => status === 'fail')
      .map(({ detail }) => detail)
      .join(),
  ).toContain('metadata.db')
})

test('the files: nothing applied, not what the registry holds, invalid', async () => {
  write('features/sales.yaml', definitions)
  write('data/sales.csv', 'shop,amount,at\n')
  const before = await examine(dir)
  expect(before.ok).toBe(true)
  expect(found(before, 'registry')).toMatchObject({ status: 'warn', remedy: 'provender apply' })
  expect(found(before, 'files')).toMatchObject({ status: 'ok', detail: '2 files, all valid' })
  await wellKept()
  write('features/more.yaml', 'entities: { till: { key: int64 } }\n')
  expect(found(await examine(dir), 'files')).toMatchObject({ status: 'warn', remedy: 'provender plan' })
  rmSync(join(dir, 'features/more.yaml'))
  write('features/sales.yaml', definitions.replace('[shop]', '[shpo]'))
  const invalid = await examine(dir)
  expect(invalid.ok).toBe(false)
  expect(found(invalid, 'files')).toMatchObject({
    status: 'fail',
    detail: expect.stringMatching(/features\/sales\.yaml:\d+:\d+.*shpo/) as string,
    remedy: 'provender validate',
  })
})

test('the sources: gone, changed in form, changed in the future', async () => {
  await wellKept()
  const future = Date.now() / 1000 + 86_400
  utimesSync(join(dir, 'data/sales.csv'), future, future)
  expect(found(await examine(dir), 'sources')).toMatchObject({
    status: 'warn',
    detail: expect.stringContaining('future') as string,
  })
  write('data/sales.csv', 'shop,price,at\n1,2.5,2026-01-01\n')
  expect(found(await examine(dir), 'sources')).toMatchObject({
    status: 'fail',
    detail: expect.stringContaining('"amount"') as string,
  })
  rmSync(join(dir, 'data/sales.csv'))
  expect(['warn', 'fail']).toContain(found(await examine(dir), 'sources').status)
})

test('a clock that was set back behind what was applied', async () => {
  await wellKept(manualClock(BigInt(Date.now()) * 1000n + hour))
  expect(found(await examine(dir), 'clock')).toMatchObject({
    status: 'warn',
    detail: expect.stringMatching(/3[56]\d\d s ahead/) as string,
  })
})

test('the readers of the online store: places of killed processes are freed, few that are left are told', async () => {
  await wellKept()
  const writer = join(import.meta.dirname, '../support/lmdb-writer.ts')
  const child = spawn(process.execPath, [writer, join(dir, '.provender/online'), '1', '1000000'], { stdio: 'ignore' })
  const { online } = loadConfig(dir)
  if (!('url' in online)) throw new Error('Not embedded')
  // The first to open a store clears all places: somebody has to have it open.
  await using _kept = await openLmdbOnline(online.url)
  while ((await readersOf(online.url)).taken < 2) await new Promise((resolve) => setTimeout(resolve, 20))
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(found(await examine(dir), 'online-readers')).toMatchObject({
    status: 'ok',
    detail: expect.stringMatching(/^1 of 512 places taken; 1 place of killed processes freed$/) as string,
  })
  expect(readersFinding({ places: 100, taken: 81, freed: 0 })).toMatchObject({ status: 'warn' })
  expect(readersFinding(null).status).toBe('ok')
})

test('the port of the server: free, a Provender server’s, or taken', async () => {
  const stranger = createServer((_, response) => response.end('hello')).listen(0, '127.0.0.1')
  await once(stranger, 'listening')
  const { port } = stranger.address() as { port: number }
  const at = { host: '127.0.0.1', port }
  expect(await serverFinding(at)).toMatchObject({
    status: 'warn',
    detail: `another program listens on 127.0.0.1:${port}`,
  })
  stranger.close()
  await once(stranger, 'close')
  expect(await serverFinding(at)).toMatchObject({
    status: 'ok',
    detail: expect.stringContaining('nobody listens') as string,
  })
  await wellKept()
  await using store = await openStore(dir)
  await using server = await serveRepository(store, dir, { port: 0 })
  expect(await serverFinding({ ...at, port: Number(new URL(server.url).port) })).toMatchObject({
    status: 'ok',
    detail: expect.stringContaining('a Provender server answers') as string,
  })
})

async function openWard(view: Readonly<Record<string, unknown>> = {}): Promise<MemoryStoreUnderTest> {
  const t = await openMemoryStore()
  await putThings(t, 'first', [{ k: 1, at: epoch - hour, v: 1 }])
  await t.store.apply(things(view))
  return t
}

const looked = async (t: MemoryStoreUnderTest, name: string): Promise<DoctorCheck> =>
  found(await t.store.doctor(), name)

test('the views: never materialized, served by the generation of before, older than promised', async () => {
  await using t = await openWard({ freshness: '2h' })
  expect(await looked(t, 'materialized')).toMatchObject({ status: 'warn', remedy: 'provender materialize view' })
  expect(await looked(t, 'freshness')).toMatchObject({ status: 'warn', detail: 'view: no data, promised within 2h' })
  await t.store.materialize()
  expect(await looked(t, 'materialized')).toEqual({ name: 'materialized', status: 'ok', detail: '1 view online' })
  expect((await looked(t, 'freshness')).status).toBe('ok')
  wait(t, 2n * hour)
  expect(await looked(t, 'freshness')).toMatchObject({
    status: 'warn',
    detail: 'view: newest data 3 h old, promised within 2h',
  })
  await t.store.apply(things({ freshness: '2h', features: { v: { type: 'int64', column: 'w' } } }))
  expect(await looked(t, 'materialized')).toMatchObject({
    status: 'warn',
    detail: 'still served by the generation of before: view',
  })
})

test('the push log: rows that nobody caught up with, rows that were refused', async () => {
  await using t = await openWard()
  await t.store.materialize()
  expect((await looked(t, 'push-log')).status).toBe('ok')
  await t.store.push('view', [
    { k: 1, v: 2, at: '2026-01-01' },
    { k: 2, v: 2, at: '2026-01-01' },
  ])
  expect((await looked(t, 'push-log')).status).toBe('ok')
  wait(t, hour)
  expect(await looked(t, 'push-log')).toMatchObject({
    status: 'warn',
    detail: '2 pushed rows not caught up with, for 1 h: view',
  })
  await t.store.maintain()
  expect((await looked(t, 'push-log')).status).toBe('ok')

  expect(await looked(t, 'dead-letters')).toEqual({ name: 'dead-letters', status: 'ok', detail: 'none' })
  await t.store.push('view', [
    { k: 1, v: 3, at: '2026-01-01' },
    { k: null, v: 2, at: '2026-01-01' },
  ])
  expect(await looked(t, 'dead-letters')).toMatchObject({ status: 'warn', detail: '1 refused row for view' })
})

test('the runs: the last one failed, one was left by a process that ended', async () => {
  await using t = await openWard()
  expect((await looked(t, 'runs')).status).toBe('ok')
  const [run] = await t.store.materialize()
  await using log = t.runLog()
  const [record] = await log.runs({ limit: 1 })
  if (record === undefined || run === undefined) throw new Error('No run is recorded')
  const ended = { ...processOwner(), startedAt: 'long ago' }
  await log.putRun({
    ...record,
    id: 'run_left',
    state: 'running',
    owner: ended,
    endedAt: null,
    queuedAt: record.queuedAt + 1n,
  })
  expect(await looked(t, 'runs')).toMatchObject({
    status: 'warn',
    detail: expect.stringContaining('run_left of view') as string,
  })
  await t.store.maintain()
  expect(await looked(t, 'runs')).toMatchObject({
    status: 'fail',
    detail: expect.stringContaining('Its process has ended') as string,
    remedy: 'provender run run_left',
  })
})

test('stores that do not answer fail by name, and nothing throws', async () => {
  await using t = await openWard()
  await t.store[Symbol.asyncDispose]()
  const report = await t.store.doctor()
  expect(report.ok).toBe(false)
  const failed = report.checks.filter(({ status }) => status === 'fail').map(({ name }) => name)
  expect(failed).toEqual(expect.arrayContaining(['metadata', 'offline', 'online', 'registry', 'push-log', 'runs']))
  await expect(t.store.doctor({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'INTERRUPTED' })
})
