import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { type Agent, type IncomingHttpHeaders, request } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { DuckDBInstance } from '@duckdb/node-api'
import { expect } from 'vitest'
import { parseExact } from '../../src/codecs/exact-json.ts'
import { openStore } from '../../src/compose/open-store.ts'
import type { Store } from '../../src/contract/store.ts'
import type { RequestLimits } from '../../src/define/request-limits.ts'
import { loadConfig, loadRepository } from '../../src/definitions/load-files.ts'
import { type Problem, errorTable } from '../../src/kernel/errors.ts'
import { type Clock, manualClock } from '../../src/kernel/clock.ts'
import { overloaded } from '../../src/server/admission.ts'
import { type RunningServer, startServer } from '../../src/server/start.ts'
import { parseInstant } from '../../src/values/instant.ts'

/** An answer, read to its end. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly bytes: Buffer
  readonly text: string
  /** The document of a JSON answer, exact. */
  readonly json: unknown
}

/** What a request has beside its method and path. A body that is no text or bytes is sent as JSON. */
export interface Sent {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly agent?: Agent
}

/** A server over the embedded store of a small repository. */
export interface Bench extends AsyncDisposable {
  readonly dir: string
  readonly store: Store
  readonly server: RunningServer
  readonly clock: Clock & { set(instant: bigint): void }
  ask(method: string, path: string, sent?: Sent): Promise<Answer>
  /** Runs SQL in a DuckDB beside the store; `{dir}` stands for the repository. */
  sql(text: string): Promise<unknown[][]>
  write(file: string, text: string): string
}

/** When the tests take place, unless they move the clock. */
export const today = '2026-03-10T00:00:00Z'

export const definitions = `
entities:
  airport: { key: string }
  driver: { key: { driver_id: int64 } }
  route: { keys: { origin: string, destination: string } }
sources:
  flights: { type: parquet, path: data/flights.parquet, timestamp: landed_at, created: loaded_at }
  taps:
    type: push
    timestamp: tapped_at
    schema:
      driver_id: int64
      big: int64
      raw: bytes
      score: float64
      small: float32
      tags: list<int32>
      seen: timestamp
      label: string
views:
  airport_delays:
    description: How late flights out of an airport have lately been
    entities: [airport]
    source: flights
    keys: { airport: origin }
    ttl: 2d
    features: { delay: int32, miles: { type: float64, column: distance } }
  route_stats:
    entities: [route]
    source: flights
    features: { distance: float64 }
  taps_seen:
    entities: [driver]
    source: taps
    features: { big: int64, raw: bytes, score: float64, small: float32, tags: list<int32>, seen: timestamp, label: string }
  archive:
    entities: [airport]
    source: flights
    keys: { airport: origin }
    online: false
    features: { delay: int32 }
services:
  delay_model: { features: [airport_delays, "route_stats:distance"] }
`

/** 300 flights: every hour one of ten, from five airports; ORD lands last at 2026-03-09T23:00:00Z. */
const flights = `
SELECT ['ATL', 'DEN', 'LGA', 'SFO', 'ORD'][1 + i % 5] AS origin, ['BOS', 'DFW'][1 + i % 2] AS destination,
  (i % 60 - 10)::INTEGER AS delay, (100.5 + i)::DOUBLE AS distance,
  TIMESTAMP '2026-02-25 12:00:00' + INTERVAL 1 HOUR * i AS landed_at,
  TIMESTAMP '2026-02-25 12:05:00' + INTERVAL 1 HOUR * i AS loaded_at
FROM range(300) AS t(i)`

/** Opens a bench: its definitions applied, all views materialized. */
export async function openBench(
  options: {
    readonly sql?: boolean
    readonly dataRoots?: readonly string[]
    readonly limits?: Partial<RequestLimits>
  } = {},
): Promise<Bench> {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'provender-http-')))
  const write = (file: string, text: string): string => {
    mkdirSync(dirname(join(dir, file)), { recursive: true })
    writeFileSync(join(dir, file), text)
    return join(dir, file)
  }
  write('provender.yaml', `project: flights\nserver: { limits: ${JSON.stringify(options.limits ?? {})} }\n`)
  write('features/flights.yaml', definitions)
  mkdirSync(join(dir, 'data'))
  const db = await DuckDBInstance.create(':memory:')
  const connection = await db.connect()
  const sql = async (text: string): Promise<unknown[][]> =>
    (await connection.runAndReadAll(text.replaceAll('{dir}', dir))).getRowsJson()
  await sql(`COPY (${flights}) TO '{dir}/data/flights.parquet' (FORMAT parquet)`)
  const clock = manualClock(parseInstant(today) ?? 0n)
  const store = await openStore(dir, { clock })
  await store.apply((await loadRepository(dir)).definitions)
  await store.materialize()
  const server = await startServer(store, {
    host: '127.0.0.1',
    port: 0,
    sql: options.sql ?? false,
    roots: { dir, dataRoots: options.dataRoots ?? [] },
    limits: loadConfig(dir).server.limits,
    logLevel: 'silent',
  })
  return {
    dir,
    store,
    server,
    clock,
    sql,
    write,
    ask: (method, path, sent) => ask(server.url, method, path, sent),
    async [Symbol.asyncDispose]() {
      await server.close()
      await store[Symbol.asyncDispose]()
      connection.closeSync()
      db.closeSync()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** A busy machine must not fail a test by the deadline that online reads have. */
const patience = { 'x-timeout-ms': '20000' }

const shed = `"detail":${JSON.stringify(overloaded().message)}`

/** How often a request is sent again that a late event loop was the reason to refuse: it is told to come back. */
const mostTries = 400

/** Sends one request. Header names and the path go out as they are. */
async function ask(url: string, method: string, path: string, sent?: Sent): Promise<Answer> {
  for (let tries = 1; ; tries++) {
    const answer = await askOnce(url, method, path, sent)
    if (answer.status !== 503 || tries === mostTries || !answer.text.includes(shed)) return answer
    expect(answer.headers['retry-after']).toMatch(/^\d+$/)
    await setTimeout(50)
  }
}

async function askOnce(
  url: string,
  method: string,
  path: string,
  { headers = {}, body, agent }: Sent = {},
): Promise<Answer> {
  const bytes =
    body === undefined ? undefined : typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
  const type = bytes === undefined || 'content-type' in headers ? {} : { 'content-type': 'application/json' }
  const length =
    bytes === undefined || 'transfer-encoding' in headers ? {} : { 'content-length': String(Buffer.byteLength(bytes)) }
  return new Promise((resolve, reject) => {
    const sending = request(
      url,
      {
        method,
        path,
        headers: { ...patience, ...type, ...length, ...headers },
        ...(agent === undefined ? {} : { agent }),
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject)
        response.on('end', () => {
          const all = Buffer.concat(chunks)
          const text = all.toString()
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            bytes: all,
            text,
            get json() {
              return parseExact(text)
            },
          })
        })
      },
    )
    sending.on('error', reject)
    sending.end(bytes)
  })
}

/** The problem of an answer that is one, checked for what all problems have. */
export function problemOf(answer: Answer): Problem {
  expect(answer.headers['content-type']).toBe('application/problem+json')
  expect(answer.headers['x-request-id']).toMatch(/^[A-Za-z0-9._:-]{1,128}$/)
  const problem = answer.json as Problem
  expect(Object.keys(problem)).toEqual(expect.arrayContaining(['type', 'title', 'status', 'detail', 'code', 'remedy']))
  expect(problem.status).toBe(answer.status)
  expect(problem.status).toBe(errorTable[problem.code].status)
  return problem
}
