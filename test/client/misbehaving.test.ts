import { readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { openStore } from '../../src/index.ts'
import type { TypedStore } from '../../src/index.ts'
import { type RawRequest, type ScriptedServer, http, json, openScripted } from '../support/scripted-server.ts'

const problemType = 'application/problem+json'
const problem = (code: string, status: number): string => JSON.stringify({ code, status, detail: `It is ${code}` })

/** Sends text in pieces of one byte, one after another. */
async function trickle(socket: Socket, text: string): Promise<void> {
  for (const byte of text) {
    if (socket.destroyed) return
    socket.write(byte)
    await sleep(20)
  }
}

const views = json({ views: [{ name: 'v' }] })
const head = '{"fields":[{"name":"k","type":"int64"}],"notes":[]}\n'
const batch = '{"rows":2,"columns":[[1,9007199254740993]]}\n'
const streaming =
  'HTTP/1.1 200 X\r\ncontent-type: application/vnd.provender.batches\r\ntransfer-encoding: chunked\r\n\r\n'
const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`

interface Fault {
  readonly name: string
  readonly script: (socket: Socket, request: RawRequest, count: number) => void
  readonly call: (store: TypedStore) => Promise<unknown>
  readonly code: string
  /** What the message has to name. */
  readonly says?: string
  readonly requests: number
  /** It ends no sooner and no later. */
  readonly ms?: readonly [number, number]
}

const list = (store: TypedStore): Promise<unknown> => store.list('views')
const listSoon = (store: TypedStore): Promise<unknown> => store.list('views', { timeoutMs: 200 })
const apply = (store: TypedStore): Promise<unknown> => store.apply([])
const soon = [150, 2000] as const

const faults: readonly Fault[] = [
  { name: 'says nothing', script: () => undefined, call: listSoon, code: 'DEADLINE_EXCEEDED', requests: 1, ms: soon },
  {
    name: 'sends its head byte by byte',
    script: (socket) => void trickle(socket, views),
    call: listSoon,
    code: 'DEADLINE_EXCEEDED',
    requests: 1,
    ms: soon,
  },
  {
    name: 'sends its body byte by byte',
    script: (socket) => {
      socket.write(views.slice(0, -30))
      void trickle(socket, views.slice(-30))
    },
    call: listSoon,
    code: 'DEADLINE_EXCEEDED',
    requests: 1,
    ms: soon,
  },
  {
    name: 'hangs up before it answers what may be repeated',
    script: (socket) => socket.destroy(),
    call: list,
    code: 'STORE_UNREACHABLE',
    says: 'http://127.0.0.1',
    requests: 3,
  },
  {
    name: 'hangs up before it answers what may not be repeated',
    script: (socket) => socket.destroy(),
    call: apply,
    code: 'STORE_UNREACHABLE',
    requests: 1,
  },
  {
    name: 'resets the connection in the middle of a body',
    script: (socket) => socket.write(views.slice(0, -5), () => socket.resetAndDestroy()),
    call: list,
    code: 'STORE_UNREACHABLE',
    requests: 3,
  },
  {
    name: 'resets the connection in the middle of a body of what may not be repeated',
    script: (socket) => socket.write(json({ version: 1, changes: [] }).slice(0, -5), () => socket.resetAndDestroy()),
    call: apply,
    code: 'STORE_UNREACHABLE',
    requests: 1,
  },
  {
    name: 'is overloaded each time',
    script: (socket) => socket.write(http(503, problemType, problem('STORE_FULL', 503))),
    call: list,
    code: 'STORE_FULL',
    says: 'It is STORE_FULL',
    requests: 3,
  },
  {
    name: 'asks for more patience than there is time',
    script: (socket) => socket.write(http(503, problemType, problem('STORE_FULL', 503), 'retry-after: 60\r\n')),
    call: (store) => store.list('views', { timeoutMs: 5000 }),
    code: 'STORE_FULL',
    requests: 1,
    ms: [0, 2000],
  },
  {
    name: 'is overloaded when asked for what may not be repeated',
    script: (socket) => socket.write(http(503, problemType, problem('STORE_UNREACHABLE', 503))),
    call: apply,
    code: 'STORE_UNREACHABLE',
    requests: 1,
  },
  {
    name: 'speaks no HTTP',
    script: (socket) => socket.write('220 mail.example ESMTP\r\n'),
    call: apply,
    code: 'STORE_UNREACHABLE',
    requests: 1,
  },
  {
    name: 'answers a page',
    script: (socket) => socket.write(http(200, 'text/html', '<p>Welcome</p>')),
    call: list,
    code: 'STORE_UNREACHABLE',
    says: 'it answered 200 text/html',
    requests: 1,
  },
  {
    name: 'leads elsewhere',
    script: (socket) => socket.write(http(302, 'text/html', '', 'location: http://elsewhere.example/\r\n')),
    call: list,
    code: 'STORE_UNREACHABLE',
    says: 'it leads to http://elsewhere.example/',
    requests: 1,
  },
  {
    name: 'answers what is no JSON',
    script: (socket) => socket.write(http(200, 'application/json', '{"views":[')),
    call: list,
    code: 'STORE_UNREACHABLE',
    says: 'no Provender server',
    requests: 1,
  },
  {
    name: 'leaves out what is asked for',
    script: (socket) => socket.write(json({ views: 7 })),
    call: list,
    code: 'STORE_UNREACHABLE',
    says: '"views"',
    requests: 1,
  },
  {
    name: 'answers values that are not of their types',
    script: (socket) =>
      socket.write(
        json({
          features: ['x'],
          views: ['v'],
          types: ['int64'],
          keyFields: [],
          rows: [{ values: ['1'] }],
          registryVersion: 1,
        }),
      ),
    call: (store) => store.online('v', [{ k: 1 }]),
    code: 'STORE_UNREACHABLE',
    requests: 1,
  },
  {
    name: 'answers fewer entities than were asked for',
    script: (socket) =>
      socket.write(json({ features: [], views: [], types: [], keyFields: [], rows: [], registryVersion: 1 })),
    call: (store) => store.online('v', [{ k: 1 }]),
    code: 'STORE_UNREACHABLE',
    requests: 1,
  },
  {
    name: 'refuses with a code that this release does not know',
    script: (socket) => socket.write(http(404, problemType, problem('UNKNOWN_PLANET', 404))),
    call: list,
    code: 'UNKNOWN_NAME',
    says: 'UNKNOWN_PLANET: It is UNKNOWN_PLANET',
    requests: 1,
  },
  {
    name: 'is a proxy that gave up',
    script: (socket) => socket.write(http(504, 'text/html', '<p>Gateway timeout</p>')),
    call: list,
    code: 'DEADLINE_EXCEEDED',
    requests: 1,
  },
  {
    name: 'goes silent behind the head of a table',
    script: (socket) => socket.write(streaming + chunk(head)),
    call: async (store) => (await store.events('v', { start: 0n, end: 1n, timeoutMs: 200 })).rows(),
    code: 'DEADLINE_EXCEEDED',
    requests: 1,
    ms: soon,
  },
  {
    name: 'resets the connection in the middle of a table',
    script: (socket) => socket.write(streaming + chunk(head) + chunk(batch), () => socket.resetAndDestroy()),
    call: async (store) => (await store.events('v', { start: 0n, end: 1n })).columns({ int64: 'bigint' }),
    code: 'STORE_UNREACHABLE',
    requests: 1,
  },
  {
    name: 'ends a table before its end',
    script: (socket) => socket.write(`${streaming}${chunk(head)}${chunk(batch)}0\r\n\r\n`),
    call: async (store) => (await store.events('v', { start: 0n, end: 1n })).columns({ int64: 'bigint' }),
    code: 'STORE_UNREACHABLE',
    says: 'broke off before the last row',
    requests: 1,
  },
  {
    name: 'leaves out rows of a table',
    script: (socket) =>
      socket.write(`${streaming}${chunk(head)}${chunk(batch)}${chunk('{"end":{"rows":3}}\n')}0\r\n\r\n`),
    call: async (store) => (await store.events('v', { start: 0n, end: 1n })).columns({ int64: 'bigint' }),
    code: 'STORE_UNREACHABLE',
    requests: 1,
  },
  {
    name: 'tells what broke off a table',
    script: (socket) =>
      socket.write(`${streaming}${chunk(head)}${chunk(`{"problem":${problem('SOURCE_CHANGED', 503)}}\n`)}0\r\n\r\n`),
    call: async (store) => (await store.events('v', { start: 0n, end: 1n })).rows(),
    code: 'SOURCE_CHANGED',
    says: 'It is SOURCE_CHANGED',
    requests: 1,
  },
]

describe('a server that', () => {
  test.each(faults)('$name', async ({ script, call, code, says = '', requests, ms = [0, 5000] }) => {
    await using server = await openScripted(script)
    await using store = await openStore({ url: server.url })
    const startedAt = performance.now()
    await expect(call(store)).rejects.toMatchObject({ code, message: expect.stringContaining(says) as string })
    const took = performance.now() - startedAt
    expect({ requests: server.requests.length, soonEnough: took >= ms[0] && took <= ms[1] ? true : took }).toEqual({
      requests,
      soonEnough: true,
    })
  })
})

async function opened(
  script: (socket: Socket, request: RawRequest, count: number) => void,
): Promise<{ readonly server: ScriptedServer; readonly store: TypedStore } & AsyncDisposable> {
  const stack = new AsyncDisposableStack()
  const server = stack.use(await openScripted(script))
  const store = stack.use(await openStore({ url: server.url }))
  return { server, store, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

const closed = async ({ open }: ScriptedServer): Promise<void> => {
  while (open.size > 0) await sleep(5)
}

test('what passes is waited for: a reset, then an overload that names its seconds', async () => {
  await using t = await opened((socket, _, count) => {
    if (count === 0) socket.resetAndDestroy()
    else if (count === 1) socket.write(http(503, problemType, problem('OVERLOADED', 503), 'retry-after: 1\r\n'))
    else socket.write(views)
  })
  const startedAt = performance.now()
  expect(await t.store.list('views')).toEqual([{ name: 'v' }])
  expect(performance.now() - startedAt).toBeGreaterThan(990)
  const ids = t.server.requests.map(({ head: text }) => /x-request-id: (\S+)/.exec(text)?.[1])
  expect([ids.length, new Set(ids).size]).toEqual([3, 1])
})

test('a connection that the server closed while it was idle is no error', async () => {
  await using t = await opened((socket) => void socket.write(views, () => socket.end()))
  for (let i = 0; i < 5; i++) {
    expect(await t.store.list('views')).toEqual([{ name: 'v' }])
    await closed(t.server)
  }
})

test('a server in trouble gets a tenth more traffic, not three times as much', async () => {
  await using t = await opened((socket) => socket.write(http(503, problemType, problem('STORE_UNREACHABLE', 503))))
  const calls = 100
  for (let i = 0; i < calls; i++)
    await expect(t.store.list('views')).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' })
  // Ten tries are free.
  expect(t.server.requests.length).toBeLessThanOrEqual(calls + 10 + calls / 10)
})

test('each push has a key, the same in every try; the deadline that is left goes with it, and the token', async () => {
  const stack = new AsyncDisposableStack()
  await using owned = stack
  const server = owned.use(
    await openScripted((socket, _, count) => {
      if (count === 0) socket.resetAndDestroy()
      else socket.write(json({ accepted: 1, superseded: 0, rejected: [] }))
    }),
  )
  const store = owned.use(await openStore({ url: server.url, token: 'secret', timeoutMs: 5000 }))
  await store.push('v', [{ k: 1 }])
  await store.push('v', [{ k: 1 }])
  const seen = (name: string): (string | undefined)[] =>
    server.requests.map(({ head: text }) => new RegExp(`^${name}: (.*)$`, 'im').exec(text)?.[1])
  const [first, again, next] = seen('idempotency-key')
  expect([first === again, first === next, first?.length]).toEqual([true, false, 36])
  for (const left of seen('x-timeout-ms')) expect(Number(left)).toSatisfy((ms: number) => ms > 3000 && ms <= 5000)
  expect(new Set(seen('authorization'))).toEqual(new Set(['Bearer secret']))
})

test('an abort ends the call at once, and its connection', async () => {
  await using t = await opened(() => undefined)
  const abort = new AbortController()
  const call = t.store.list('views', { signal: abort.signal })
  while (t.server.requests.length === 0) await sleep(5)
  abort.abort()
  await expect(call).rejects.toMatchObject({ code: 'INTERRUPTED' })
  await closed(t.server)
})

test('closing the store ends what is under way', async () => {
  await using t = await opened(() => undefined)
  const call = t.store.list('views')
  while (t.server.requests.length === 0) await sleep(5)
  await t.store[Symbol.asyncDispose]()
  await expect(call).rejects.toMatchObject({ code: 'CLOSED' })
  await closed(t.server)
})

test('a table that is read slowly is sent slowly, and one that is let go is sent no more', async () => {
  const line = `{"rows":1000,"columns":[[${Array.from({ length: 1000 }, (_, i) => i).join(',')}]]}\n`
  let sent = 0
  await using t = await opened((socket) => {
    socket.write(streaming + chunk(head))
    const more = (): void => {
      while (!socket.destroyed) {
        sent += 1
        if (!socket.write(chunk(line))) break
      }
    }
    socket.on('drain', more)
    more()
  })
  const table = await t.store.events('v', { start: 0n, end: 1n })
  const batches = table.batches()[Symbol.asyncIterator]()
  expect((await batches.next()).value).toMatchObject({ rows: 1000 })
  await sleep(300)
  const held = sent
  await sleep(300)
  // What sockets hold on the way: a few megabytes.
  expect([sent - held, held * line.length < 32 * 1024 * 1024]).toEqual([0, true])
  await table[Symbol.asyncDispose]()
  await table[Symbol.asyncDispose]()
  await closed(t.server)
})

test('Parquet that breaks off leaves no file', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'provender-download-'))
  const answers = [
    'HTTP/1.1 200 X\r\ncontent-type: application/vnd.apache.parquet\r\nx-provender-rows: 2\r\ncontent-length: 1000\r\n\r\nPAR1',
    http(200, 'application/vnd.apache.parquet', 'PAR1', 'x-provender-rows: 2\r\n'),
  ]
  await using t = await opened((socket, { head: text }) => {
    if (!text.includes('accept: application/vnd.apache.parquet')) socket.write(streaming + chunk(head))
    else socket.write(answers.shift() ?? '', () => socket.end())
  })
  const read = async (): Promise<number> =>
    (await t.store.events('v', { start: 0n, end: 1n })).toParquet(join(dir, 'x.parquet'))
  await expect(read()).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' })
  expect(readdirSync(dir)).toEqual([])
  expect([await read(), readdirSync(dir)]).toEqual([2, ['x.parquet']])
  const nowhere = (await t.store.events('v', { start: 0n, end: 1n })).toParquet(join(dir, 'nowhere', 'x.parquet'))
  await expect(nowhere).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  await rm(dir, { recursive: true })
})

const aRun = {
  id: 'r',
  kind: 'materialize',
  view: 'v',
  state: 'running',
  interval: [null, '2026-01-01T00:00:00Z'],
  rows: 7,
}
const counts = { written: 5, superseded: 0, skipped: 0, startedAt: null, seconds: 1, notes: [] }

test('runs are looked at until they have ended, and what is told of them is told once', async () => {
  const progress = { run: 'r', view: 'v', phase: 'writing', rows: 7, fraction: 0.5, rowsPerSecond: 3 }
  const looks = [
    { ...aRun, ...counts, state: 'queued' },
    { ...aRun, ...counts, progress },
    { ...aRun, ...counts, progress },
    { ...aRun, ...counts, state: 'succeeded' },
  ]
  await using t = await opened((socket, { method }) =>
    socket.write(json(method === 'POST' ? { runs: [looks[0]] } : looks.shift())),
  )
  const told: unknown[] = []
  const runs = await t.store.materialize('v', {
    onProgress: (each) => told.push([each.phase, each.fraction, each.rows]),
  })
  expect(runs).toEqual([{ ...aRun, ...counts, state: 'succeeded' }])
  expect(told).toEqual([
    ['waiting', null, 7],
    ['writing', 0.5, 7],
    ['done', 1, 5],
  ])
})

test('runs that nobody waits for any more are cancelled', async () => {
  await using t = await opened((socket, { method, path }) =>
    socket.write(json(method === 'POST' && path === '/v1/materialize' ? { runs: [aRun] } : aRun)),
  )
  const abort = new AbortController()
  const materialized = t.store.materialize('v', { signal: abort.signal })
  while (t.server.requests.length < 3) await sleep(5)
  abort.abort()
  await expect(materialized).rejects.toMatchObject({ code: 'INTERRUPTED' })
  expect(t.server.requests.at(-1)).toMatchObject({ method: 'POST', path: '/v1/runs/r/cancel' })
  const late = t.store.materialize('v', { timeoutMs: 300 })
  await expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  expect(t.server.requests.at(-1)).toMatchObject({ method: 'POST', path: '/v1/runs/r/cancel' })
})

test('a server that is started anew does not end the wait for its runs', async () => {
  await using t = await opened((socket, { method }, count) => {
    if (method === 'POST') socket.write(json({ runs: [aRun] }))
    else if (count < 6) socket.resetAndDestroy()
    else socket.write(json({ ...aRun, ...counts, state: 'succeeded' }))
  })
  expect(await t.store.materialize('v')).toMatchObject([{ state: 'succeeded' }])
})

test('what is no URL of a server, and a server that is not there', async () => {
  for (const url of ['', 'localhost:6580', 'ftp://127.0.0.1', 'http://127.0.0.1?x=1', 'http://me:secret@127.0.0.1'])
    await expect(openStore({ url })).rejects.toSatisfy(
      (thrown: Error & { code: string }) => thrown.code === 'USAGE' && !thrown.message.includes('secret'),
    )
  await expect(openStore({ url: 'http://127.0.0.1', token: 'a b' })).rejects.toSatisfy(
    (thrown: Error & { code: string }) => thrown.code === 'USAGE' && !thrown.message.includes('a b'),
  )
  await expect(openStore({ url: 'http://127.0.0.1:1' })).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' })
})
