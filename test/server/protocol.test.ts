import { Agent } from 'node:http'
import { connect } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openStore } from '../../src/compose/open-store.ts'
import { requestLimitsOf } from '../../src/define/request-limits.ts'
import { buildApp } from '../../src/server/app.ts'
import { startBackground } from '../../src/server/background.ts'
import type { ServerContext } from '../../src/server/context.ts'
import type { Handlers } from '../../src/server/handler.ts'
import { startServer } from '../../src/server/start.ts'
import { type Bench, openBench, problemOf } from './bench.ts'

let bench: Bench
let slow: Promise<string>
beforeAll(async () => {
  bench = await openBench()
  // Asked at once, looked at when the other tests are done.
  slow = raw('GET /livez HTTP/1.1\r\nhost: x\r\nx-slow: ')
})
afterAll(async () => bench[Symbol.asyncDispose]())

/** Sends bytes as they are; what came back until the server closed. */
function raw(text: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const socket = connect(Number(new URL(bench.server.url).port), '127.0.0.1', () => socket.write(text))
  let answer = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => (answer += chunk))
  socket.on('error', () => undefined).on('close', () => resolve(answer))
  return promise
}

describe('every answer', () => {
  test('carries the id of its request, or a new one', async () => {
    const idOf = async (id?: string, path = '/livez') =>
      (await bench.ask('GET', path, { headers: id === undefined ? {} : { 'x-request-id': id } })).headers[
        'x-request-id'
      ]
    expect(await idOf('a.B_c:9-')).toBe('a.B_c:9-')
    expect(await idOf('x'.repeat(128), '/nothing')).toBe('x'.repeat(128))
    expect(await idOf('5', '/v1/%zz')).toBe('5')
    const made = await Promise.all([idOf(), idOf(), idOf('x'.repeat(129)), idOf('a b'), idOf('a,b'), idOf('é')])
    expect(new Set(made).size).toBe(made.length)
    for (const id of made) expect(id).toMatch(/^[\w-]{12}-[0-9a-z]+$/)
  })

  test('is not stored on its way, and names no software', async () => {
    const { headers } = await bench.ask('GET', '/v1/online/airport_delays?airport=ORD')
    expect(headers['cache-control']).toBe('no-store')
    expect(headers['server'] ?? headers['x-powered-by']).toBeUndefined()
  })
})

describe('a route that is not there', () => {
  test.each([
    ['GET', '/', undefined],
    ['GET', '/v1/onlin/x', undefined],
    ['GET', '/v1/run', '/v1/runs'],
    ['GET', '/livez/', '/livez'],
    ['POST', '/v1/Online', '/v1/online'],
    ['PURGE', '/nothing', undefined],
  ])('%s %s', async (method, path, near) => {
    const problem = problemOf(await bench.ask(method, path))
    expect([problem.status, problem.code]).toEqual([404, 'UNKNOWN_ROUTE'])
    if (near !== undefined) expect(problem.remedy).toContain(near)
  })

  test.each([
    ['DELETE', '/livez', 'GET, HEAD'],
    ['PATCH', '/v1/online/airport_delays?airport=x', 'DELETE, GET, HEAD'],
    ['GET', '/v1/push/taps', 'POST'],
    ['OPTIONS', '/v1/online', 'POST'],
    ['PROPFIND', '/v1/runs/x', 'GET, HEAD'],
  ])('%s %s is a method that is not there', async (method, path, allow) => {
    const answer = await bench.ask(method, path)
    expect(problemOf(answer)).toMatchObject({ status: 405, code: 'METHOD_NOT_ALLOWED' })
    expect(answer.headers['allow']).toBe(allow)
  })

  test('is told before its body is looked at', async () => {
    for (const body of ['{', 'x'.repeat(1_000_000)]) {
      expect(problemOf(await bench.ask('POST', '/nothing', { body })).code).toBe('UNKNOWN_ROUTE')
      expect(problemOf(await bench.ask('PUT', '/v1/online', { body })).code).toBe('METHOD_NOT_ALLOWED')
    }
  })

  test('HEAD answers as GET does, without a body', async () => {
    const answer = await bench.ask('HEAD', '/v1/views/airport_delays')
    expect([answer.status, answer.text, answer.headers['content-type']]).toEqual([200, '', 'application/json'])
  })

  test('no route is made that the table does not have', () => {
    const context = { log: console, roles: ['api'], limits: requestLimitsOf() } as unknown as ServerContext
    const app = buildApp(
      () => context,
      () => ({}) as Handlers,
      { level: 'silent' },
    )
    expect(() => app.get('/extra', () => 'x')).toThrow(/GET \/extra is in the route table/)
  })
})

describe('a body', () => {
  const online = { features: 'airport_delays', entities: [{ airport: 'ORD' }] }
  const post = (body: string | Buffer, headers: Record<string, string> = {}) =>
    bench.ask('POST', '/v1/online', { body, headers })

  test('is JSON by its content type, whatever the parameters', async () => {
    for (const type of ['application/json', 'application/json; charset=utf-8', 'Application/JSON;x=y'])
      expect((await post(JSON.stringify(online), { 'content-type': type })).status).toBe(200)
    expect((await post(JSON.stringify(online), { 'transfer-encoding': 'chunked' })).status).toBe(200)
  })

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'text/csv', 'json', ';', ''])(
    'of the type "%s" is not taken',
    async (type) => {
      const problem = problemOf(await post('x', { 'content-type': type }))
      expect([problem.status, problem.code]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE'])
      expect(problem.remedy).toContain('application/json')
    },
  )

  test('that is packed is not taken', async () => {
    expect(problemOf(await post('x', { 'content-encoding': 'gzip' })).status).toBe(415)
    expect((await post(JSON.stringify(online), { 'content-encoding': 'identity' })).status).toBe(200)
  })

  test('where none is taken is refused', async () => {
    expect(
      problemOf(await bench.ask('DELETE', '/v1/online/airport_delays?airport=nobody', { body: {} })),
    ).toMatchObject({ status: 400, code: 'BAD_REQUEST' })
  })

  test('that is no UTF-8, no JSON, or too deep is told with its place', async () => {
    expect(problemOf(await post(Buffer.from('{"a":"\xff"}', 'latin1'))).detail).toContain('UTF-8')
    expect(problemOf(await post('{"features": [,]}')).detail).toContain('line 1, column 15')
    expect(problemOf(await post(`${'['.repeat(33)}${']'.repeat(33)}`)).detail).toContain('deeper than 32')
    expect(problemOf(await post('')).detail).toContain('features')
  })

  test('may be 16 MiB and no larger, told or not', async () => {
    const pad = (bytes: number) => `{"x":"${'x'.repeat(bytes - 8)}"}`
    const limit = 16 * 1024 * 1024
    expect(problemOf(await post(pad(limit))).code).toBe('UNKNOWN_MEMBER')
    for (const headers of [{}, { 'transfer-encoding': 'chunked' }])
      expect(problemOf(await post(pad(limit + 1), headers))).toMatchObject({ status: 413, code: 'PAYLOAD_TOO_LARGE' })
    expect((await post(JSON.stringify(online))).status).toBe(200)
  })

  test('that ends too early has no answer, and harms nobody', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const socket = connect(Number(new URL(bench.server.url).port), '127.0.0.1', () => {
      socket.end(
        'POST /v1/online HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"a":',
      )
    })
    socket
      .resume()
      .on('error', () => undefined)
      .on('close', () => resolve())
    await promise
    expect((await bench.ask('GET', '/livez')).status).toBe(200)
  })
})

describe('a deadline', () => {
  test.each(['0', '-1', '1.5', 'soon', '', '86400001', '99999999999'])('of "%s" is none', async (ms) => {
    expect(problemOf(await bench.ask('GET', '/v1/runs', { headers: { 'x-timeout-ms': ms } }))).toMatchObject({
      status: 400,
      code: 'BAD_REQUEST',
      at: 'x-timeout-ms',
    })
  })

  test('ends a materialization that somebody waits for', async () => {
    const answer = await bench.ask('POST', '/v1/materialize?wait=true', {
      body: { views: ['airport_delays'], repair: true },
      headers: { 'x-timeout-ms': '1' },
    })
    expect(problemOf(answer)).toMatchObject({ status: 504, code: 'DEADLINE_EXCEEDED' })
  })
})

describe('probes', () => {
  test('say that the process lives, and what it stands on', async () => {
    expect((await bench.ask('GET', '/livez')).text).toBe('{"ok":true}')
    expect((await bench.ask('GET', '/readyz')).json).toEqual({
      ok: true,
      dependencies: { metadata: { ok: true }, offline: { ok: true }, online: { ok: true } },
    })
  })

  test('tell what is down, by name', async () => {
    await using other = await openBench()
    await other.store[Symbol.asyncDispose]()
    const answer = await other.ask('GET', '/readyz')
    expect(problemOf(answer)).toMatchObject({
      status: 503,
      code: 'STORE_UNREACHABLE',
      detail: expect.stringContaining('online') as string,
    })
    expect(answer.json).toMatchObject({ dependencies: { online: { ok: false, detail: expect.any(String) as string } } })
    expect(answer.headers['retry-after']).toMatch(/^\d+$/)
    expect((await other.ask('GET', '/livez')).status).toBe(200)
    // A store that is closed is a fault of whoever runs the server, not of the client.
    expect(problemOf(await other.ask('GET', '/v1/runs'))).toMatchObject({ status: 500, code: 'CLOSED' })
  })
})

describe('what is no request', () => {
  test('is told so', async () => {
    const answer = await raw('HELLO\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
    expect(answer).toContain('content-type: application/problem+json\r\n')
    expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toMatchObject({ status: 400, code: 'BAD_REQUEST' })
  })

  test('has headers that are too large', async () => {
    expect(await raw(`GET /livez HTTP/1.1\r\nhost: x\r\nx-large: ${'x'.repeat(20_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 413 .*PAYLOAD_TOO_LARGE/s,
    )
  })
})

describe('a request without a body, and without its length', () => {
  test.each([
    ['POST', '/v1/online', 'application/json', /^HTTP\/1\.1 400 /],
    ['POST', '/v1/materialize', 'application/json', /^HTTP\/1\.1 202 /],
    ['POST', '/v1/validate', 'application/yaml', /^HTTP\/1\.1 (?:200|400) /],
    ['POST', '/v1/historical?features=airport_delays', 'text/csv', /^HTTP\/1\.1 400 /],
    ['DELETE', '/v1/online/airport_delays?airport=XYZ', 'application/json', /^HTTP\/1\.1 200 /],
  ])('%s %s is not waited for', async (method, path, type, answer) => {
    expect(
      await raw(`${method} ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: ${type}\r\n\r\n`),
    ).toMatch(answer)
  })
})

describe('closing', () => {
  test('lets requests under way end, takes no others, and is done once', async () => {
    await using other = await openBench()
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    await other.ask('GET', '/livez', { agent })
    const underway = other.ask('POST', '/v1/materialize?wait=true', { body: { views: ['route_stats'], repair: true } })
    await setTimeout(20)
    const closed = other.server.close()
    const answer = await underway
    const endedAtMs = performance.now()
    await Promise.all([closed, other.server.close()])
    expect([answer.status, answer.headers['connection']]).toEqual([200, 'close'])
    expect(performance.now() - endedAtMs).toBeLessThan(2000)
    await expect(other.ask('GET', '/livez')).rejects.toThrow()
    agent.destroy()
  })

  test('closes connections that are open, behind the answer that they wait for', async () => {
    await using other = await openBench()
    const socket = connect(Number(new URL(other.server.url).port), '127.0.0.1')
    let answers = ''
    socket.setEncoding('latin1').on('data', (chunk: string) => (answers += chunk))
    const gone = new Promise((resolve) => socket.on('close', resolve))
    socket.write('POST /v1/materialize?wait=true HTTP/1.1\r\nhost: x\r\n\r\n')
    await setTimeout(20)
    const closed = other.server.close()
    socket.write('GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n')
    await Promise.all([closed, gone])
    const statuses = [...answers.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map((match) => match[1])
    // The first answer says that it is the last: what was sent behind it is never read.
    expect(statuses).toEqual(['200'])
  })

  test('a port that is taken is told', async () => {
    const port = Number(new URL(bench.server.url).port)
    await expect(
      startServer(bench.store, {
        host: '127.0.0.1',
        port,
        sql: false,
        roots: { dir: bench.dir, dataRoots: [] },
        logLevel: 'silent',
      }),
    ).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining(String(port)) as string })
  })
})

describe('background work', () => {
  test('goes on after failures, each time later, and ends at once', async () => {
    const lines: string[] = []
    const log = {
      info: (text: unknown) => void lines.push(`info ${String(text)}`),
      warn: () => undefined,
      error: (_: unknown, text?: string) => void lines.push(`error ${text ?? ''}`),
    }
    {
      await using work = startBackground(bench.store, 5, log)
      await setTimeout(60)
      expect(work).toBeDefined()
    }
    expect(lines).toEqual([])
    const store = await openStore(bench.dir)
    await store[Symbol.asyncDispose]()
    const background = startBackground(store, 5, log)
    await expect.poll(() => lines.length, { timeout: 5000 }).toBeGreaterThan(2)
    await setTimeout(100)
    const seen = lines.length
    expect(seen).toBeLessThan(8)
    expect(lines[0]).toMatch(/^error Background work failed: .*closed/)
    await background[Symbol.asyncDispose]()
    await setTimeout(50)
    expect(lines.length).toBe(seen)
  })
})

test('headers that come too slowly end the connection', async () => {
  const answer = await slow
  expect(answer).toMatch(/^HTTP\/1\.1 504 .*DEADLINE_EXCEEDED/s)
})
