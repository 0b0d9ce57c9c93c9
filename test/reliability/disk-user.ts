// A process that uses a repository some of whose stores lie on a small disk: node disk-user.ts DIR STORES. STORES are the
// stores on the small disk, DIR/small, such as `offline,online`; `temporary` are the files of uploads. It answers each line
// [call, asked] with a line.
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { DuckDBInstance } from '@duckdb/node-api'
import type { Engines } from '../../src/compose/engines.ts'
import { composeStore } from '../../src/compose/store.ts'
import type { Store } from '../../src/contract/store.ts'
import { loadConfig } from '../../src/definitions/load-files.ts'
import { openDuckdbOffline } from '../../src/engines/duckdb/offline.ts'
import { openPushLog } from '../../src/engines/duckdb/push-log/push-log.ts'
import { openLmdbOnline } from '../../src/engines/lmdb/online.ts'
import { openSqlite } from '../../src/engines/sqlite/open.ts'
import { manualClock } from '../../src/kernel/clock.ts'
import { asProvenderError } from '../../src/kernel/errors.ts'
import { openMetadata } from '../../src/metadata/open.ts'
import { serveRepository } from '../../src/server/serve-repository.ts'
import { crashWaits } from '../crash/materializer.ts'
import { type Variant, definitionsOf, epoch, second } from '../crash/repository.ts'

/** Segments are sealed and merged early. */
const limits = { segmentBytes: 64 * 1024, sealBytes: 1, mergeFiles: 2, keepReplacedMs: 0 }

const [, , dir = '', stores = ''] = process.argv
const small = join(dir, 'small')
const clock = manualClock(epoch)

async function openEngines(): Promise<Engines> {
  const config = loadConfig(dir)
  const metadata = await openMetadata(await openSqlite(config.metadata), clock)
  const log = await openPushLog(join(config.offline.url, 'log'), limits)
  const offline = await openDuckdbOffline({ dir: config.offline.url, repositoryDir: dir, log })
  const online = await openLmdbOnline('url' in config.online ? config.online.url : '')
  return {
    registry: metadata.registry,
    runLog: metadata.runLog,
    offline,
    log,
    online,
    marks: online,
    async [Symbol.asyncDispose]() {
      for (const part of [metadata, offline, log, online]) await part[Symbol.asyncDispose]()
    },
  }
}

function placesOnDisk(): string {
  const placeOf = (store: string, name: string): string =>
    `${store}: ${stores.split(',').includes(store) ? 'small' : 'large'}/${name}\n`
  return `project: full\n${placeOf('metadata', 'metadata.db')}${placeOf('offline', 'offline')}${placeOf('online', 'online')}`
}

mkdirSync(join(dir, 'data'), { recursive: true })
if (stores.includes('temporary')) {
  process.env['TMPDIR'] = join(small, 'tmp')
  mkdirSync(join(small, 'tmp'))
}
writeFileSync(join(dir, 'provender.yaml'), placesOnDisk())
let engines = await openEngines()
let store: Store = composeStore(loadConfig(dir), engines, { clock, waits: crashWaits })

/** Writes into a file until the disk has no more than some bytes left. */
function fill(left: number): void {
  const file = openSync(join(small, 'ballast'), 'a')
  try {
    for (let bytes = 1 << 20; bytes >= 1; bytes >>= 2) {
      const block = Buffer.alloc(bytes, 1)
      for (;;) {
        const { bavail, bsize } = statfsSync(small)
        if (left > 0 && bavail * bsize - bytes < left) break
        try {
          if (writeSync(file, block) < bytes) break
        } catch {
          break
        }
      }
    }
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** Makes files until the disk takes no more of them. */
function fillFiles(): void {
  mkdirSync(join(small, 'files'), { recursive: true })
  try {
    for (let i = 0; ; i++) closeSync(openSync(join(small, 'files', String(i)), 'w'))
  } catch {
    return
  }
}

async function writeManyRows(path: string): Promise<void> {
  const writer = await DuckDBInstance.create(':memory:')
  await (await writer.connect()).run(`COPY (${manyRows(fileRows)}) TO '${path}'`)
  writer.closeSync()
}

interface Numbers {
  readonly from: number
  readonly count: number
  readonly bytes?: number
}

const rowsOf = ({ from, count }: Numbers): { k: number; at: bigint; v: number }[] =>
  Array.from({ length: count }, (_, i) => ({ k: from + i, at: clock.now(), v: from + i }))

/** The numbers of the rows that are there, each of which has to say the same of itself twice. */
function numbersIn(rows: readonly Readonly<Record<string, unknown>>[]): number[] {
  return rows.map((row) => {
    const [k, v] = [Number(row['k']), Number(row['v'])]
    if (row['v'] !== null && v !== k) throw new Error(`half a row: ${k} says ${v}`)
    return v
  })
}

/** An offline store that has to spill soon, open as long as the process. */
const tight = await openDuckdbOffline({
  dir: loadConfig(dir).offline.url,
  repositoryDir: dir,
  log: null,
  memoryBytes: 120_000_000,
})
const manyRows = (rows: number): string => `SELECT range AS k, md5(range::VARCHAR) AS x FROM range(${rows})`
/** User SQL gets half of the memory. */
const sqlRows = 500_000
const fileRows = 900_000

/** What can be asked for. */
const calls: Readonly<Record<string, (asked: never) => Promise<unknown>>> = {
  fill: async ({ left }: { left: number }) => fill(left),
  fillFiles: async () => fillFiles(),
  free: async () => {
    for (const name of ['ballast', 'files']) rmSync(join(small, name), { recursive: true, force: true })
  },
  tick: async () => clock.set(clock.now() + second),
  apply: async (variant: Variant) => (await store.apply(definitionsOf(variant), { allowBreaking: true })).version,
  push: async (asked: Numbers) => {
    const answer = await store.push('latest', rowsOf(asked))
    return answer.accepted + answer.superseded
  },
  pushKeyed: async (asked: Numbers) => {
    const answer = await store.push('latest', rowsOf(asked), { idempotencyKey: `key ${asked.from}` })
    return answer.accepted + answer.superseded
  },
  materialize: async () => (await store.materialize('latest')).map(({ state }) => state),
  maintain: async () => store.maintain(),
  versions: async () => (await store.versions({ limit: 1000 })).map(({ version }) => version),
  runs: async () => (await store.runs({ limit: 1000 })).map(({ state }) => state),
  served: async ({ from, count }: Numbers) =>
    numbersIn(
      (
        await store.online(
          'latest',
          Array.from({ length: count }, (_, i) => ({ k: from + i })),
        )
      ).map((row, i) => ({
        k: from + i,
        v: row['v'],
      })),
    ),
  history: async () =>
    numbersIn(await (await store.snapshot('latest', { at: clock.now() })).rows({ instants: 'micros' })),
  /** Sorts more than fits in memory: rows of user SQL, or of a file. */
  spill: async ({ of, rows: wanted = of === 'sql' ? sqlRows : fileRows }: { of: 'sql' | 'file'; rows?: number }) => {
    const path = join(dir, 'spine.parquet')
    if (of === 'file' && !existsSync(path)) await writeManyRows(path)
    const spine =
      of === 'sql'
        ? ({ kind: 'sql', sql: manyRows(wanted), inputs: [] } as const)
        : ({ kind: 'file', path, format: 'parquet' } as const)
    const input = { kind: 'input', name: 'spine', uses: [{ name: 'x', type: 'string' }] } as const
    const plan = { kind: 'sort', input, by: ['x'] } as const
    await using result = await tight.query({ plan, inputs: new Map([['spine', spine]]) })
    let rows = 0
    for await (const batch of result.batches()) rows += batch.rows
    if (rows !== wanted) throw new Error(`${rows} rows`)
  },
  /** A spine over HTTP, of some bytes. */
  upload: async ({ bytes }: { bytes: number }) => {
    await using server = await serveRepository(store, dir, { port: 0, roles: ['api'] })
    const line = `1,2026-01-01T00:00:00Z,${'x'.repeat(100)}\n`
    const sending = request(`${server.url}/v1/historical?features=latest`, {
      method: 'POST',
      headers: { 'content-type': 'text/csv' },
      agent: false,
    })
    sending.on('error', () => undefined)
    sending.end(`k,event_timestamp,x\n${line.repeat(bytes / line.length)}`)
    const [answer] = (await once(sending, 'response')) as [IncomingMessage]
    const said = JSON.parse(await text(answer)) as { code?: string; rows?: number }
    sending.destroy()
    return { status: answer.statusCode, retryAfter: answer.headers['retry-after'], code: said.code, rows: said.rows }
  },
  reopen: async () => {
    await store[Symbol.asyncDispose]()
    engines = await openEngines()
    store = composeStore(loadConfig(dir), engines, { clock, waits: crashWaits })
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const [call, asked] = JSON.parse(line) as [string, never]
  const told = await (calls[call] ?? (() => Promise.reject(new Error(`there is no call ${call}`))))(asked).then(
    (value) => ({ value }),
    (thrown: unknown) => {
      const { code, message } = asProvenderError(thrown)
      return { code, detail: message }
    },
  )
  writeSync(1, `${JSON.stringify(told)}\n`)
}
await store[Symbol.asyncDispose]()
await tight[Symbol.asyncDispose]()
