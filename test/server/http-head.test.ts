import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { problemType } from '../../src/contract/route.ts'
import { type Problem, errorTable } from '../../src/kernel/errors.ts'
import { type Bench, openBench } from './bench.ts'
import { type RawAnswer, sendRaw } from './raw-connection.ts'

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(async () => bench[Symbol.asyncDispose]())

const get = (target: string, ...lines: string[]): string =>
  `GET ${target} HTTP/1.1\r\nhost: x\r\nx-timeout-ms: 15000\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`
const push = (body: string, ...lines: string[]): string =>
  `POST /v1/push/taps HTTP/1.1\r\nhost: x\r\nx-timeout-ms: 15000\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n${body}`
const json = 'content-type: application/json'
const rows = '{"rows":[]}'
const chunked = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`

/** The problem of an answer, checked for what all have. */
function problemIn({ status, headers, text }: RawAnswer): Problem {
  expect(headers['content-type']).toBe(problemType)
  const problem = JSON.parse(text) as Problem
  expect(problem.status).toBe(status)
  expect(errorTable[problem.code].status).toBe(status)
  for (const member of ['title', 'detail', 'remedy'] as const) expect(problem[member]).toMatch(/./)
  return problem
}

describe('what HTTP allows is answered', () => {
  test.each<[string, string]>([
    ['HTTP/1.0 without a host', 'GET /livez HTTP/1.0\r\n\r\n'],
    ['the whole of a URL', get('http://elsewhere:99/livez')],
    ['the whole of a URL with a query', get('http://elsewhere/v1/online/airport_delays?airport=ORD')],
    ['an upgrade that is only offered', get('/livez', 'connection: upgrade', 'upgrade: websocket')],
    [
      'an upgrade to HTTP/2',
      get('/livez', 'connection: upgrade, http2-settings', 'upgrade: h2c', 'http2-settings: AAMA'),
    ],
    ['an empty line before the request', `\r\n${get('/livez')}`],
    [
      'a body with trailers',
      push(`b\r\n${rows}\r\n0\r\nx-a: 1\r\n\r\n`, json, 'transfer-encoding: chunked', 'trailer: x-a'),
    ],
    ['chunks with extensions', push(`b;a=b\r\n${rows}\r\n0\r\n\r\n`, json, 'transfer-encoding: chunked')],
    ['a body that waits to be asked for', push(rows, json, 'expect: 100-continue', 'content-length: 11')],
    ['an empty body', push('', json, 'content-length: 0').replace('push/taps', 'load')],
  ])('%s', async (_, bytes) => {
    expect(await sendRaw(bench.server.url, bytes)).toMatchObject([{ status: 200 }])
  })

  test('several requests at once, in their order, and HEAD as GET without its body', async () => {
    const [first, second, third] = await sendRaw(bench.server.url, get('/readyz') + get('/livez') + get('/nothing'), {
      count: 3,
    })
    expect([first?.text.includes('dependencies'), second?.text, third?.status]).toEqual([true, '{"ok":true}', 404])
    const heads = await sendRaw(
      bench.server.url,
      ['/livez', '/docs', '/nothing', '/v1/online'].map((path) => get(path).replace('GET', 'HEAD')).join(''),
      { count: 4, head: true },
    )
    expect(heads.map(({ status }) => status)).toEqual([200, 200, 404, 405])
    expect(heads.map(({ headers }) => headers['content-type'])).toEqual([
      'application/json',
      'text/html; charset=utf-8',
      problemType,
      problemType,
    ])
  })
})

describe('whatever else comes is a problem', () => {
  test.each<[string, string, number]>([
    ['no host', 'GET /livez HTTP/1.1\r\n\r\n', 400],
    ['two hosts', get('/livez', 'host: y'), 400],
    ['HTTP/2.0', 'GET /livez HTTP/2.0\r\nhost: x\r\n\r\n', 400],
    ['HTTP/1.2', 'GET /livez HTTP/1.2\r\nhost: x\r\n\r\n', 400],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    ['a tunnel', 'CONNECT example.com:443 HTTP/1.1\r\nhost: x\r\n\r\n', 405],
    ['TRACE', get('/livez').replace('GET', 'TRACE'), 405],
    ['OPTIONS of a route', get('/v1/online').replace('GET', 'OPTIONS'), 405],
    ['OPTIONS of everything', get('*').replace('GET', 'OPTIONS'), 404],
    ['a method in small letters', get('/livez').replace('GET', 'get'), 400],
    ['an expectation', get('/livez', 'expect: gold'), 400],
    ['a path without a slash', get('livez'), 400],
    ['a query alone', get('?x'), 400],
    ['two slashes', get('//livez'), 404],
    ['dots', get('/v1/../livez'), 404],
    ['a semicolon', get('/livez;x=1'), 404],
    ['a percent sign in the path', get('/v1/views/%zz'), 400],
    ['no UTF-8 in the path', get('/v1/views/%ff'), 400],
    ['a percent sign in a path that is not there', get('/nothing/%zz'), 400],
    ['a percent sign in the query', get('/v1/online/airport_delays?airport=%zz'), 400],
    ['no UTF-8 in the query', get('/v1/online/airport_delays?airport=%ff'), 400],
    ['bytes in the path', get('/v1/views/\xc3\xa9'), 400],
    ['NUL in the path', get('/v1/views/\0'), 400],
    ['a space in the path', get('/v1/views/a b'), 400],
    ['a long segment', get(`/v1/views/${'x'.repeat(5000)}`), 400],
    ['a long path', get(`/${'x'.repeat(20_000)}`), 413],
    ['many headers', get('/livez', ...Array<string>(3000).fill('a:')), 413],
    ['NUL in a header', get('/livez', 'x: \0'), 400],
    ['a folded header', get('/livez', 'x: 1', ' 2'), 400],
    ['a space before the colon', get('/livez', 'x : 1'), 400],
    ['bare line feeds', 'GET /livez HTTP/1.1\nhost: x\n\n', 400],
    ['two deadlines', get('/livez', 'x-timeout-ms: 5').replace('15000', '4'), 400],
    ['a body where none is taken', get('/livez', 'content-length: 2').concat('{}'), 400],
    ['chunks where none are taken', get('/livez', 'transfer-encoding: chunked').concat(chunked('{}')), 400],
    ['two content types', push(rows, json, 'content-type: text/csv', 'content-length: 11'), 415],
    ['two lengths', push(rows, json, 'content-length: 11', 'content-length: 12'), 400],
    ['a length and chunks', push(chunked(rows), json, 'content-length: 3', 'transfer-encoding: chunked'), 400],
    ['a length that is none', push(rows, json, 'content-length: x'), 400],
    ['a negative length', push(rows, json, 'content-length: -1'), 400],
    ['a length beyond all numbers', push(rows, json, 'content-length: 99999999999999999999'), 400],
    ['a length beyond the limit', push(rows, json, 'content-length: 999999999999'), 413],
    ['packed chunks', push(chunked(rows), json, 'transfer-encoding: gzip, chunked'), 415],
    ['no known transfer encoding', push(rows, json, 'transfer-encoding: identity'), 415],
    ['a fragment', get('/livez#x'), 400],
    ['a bad chunk', push(`zz\r\n${rows}`, json, 'transfer-encoding: chunked'), 400],
    ['a long chunk extension', push(`b;${'a'.repeat(20_000)}\r\n`, json, 'transfer-encoding: chunked'), 400],
    ['a packed body', push(rows, json, 'content-encoding: br', 'content-length: 11'), 415],
  ])('%s', async (_, bytes, status) => {
    const [answer, ...others] = await sendRaw(bench.server.url, bytes)
    expect(others).toEqual([])
    expect(answer && problemIn(answer).status).toBe(status)
  })

  test('behind the answers to what came before it', async () => {
    const bytes = `${push(rows, json, 'content-length: 11')}${get('/readyz')}JUNK\r\n\r\n`
    const answers = await sendRaw(bench.server.url, bytes, { count: 4 })
    expect(answers.map(({ status, headers }) => [status, headers['connection']])).toEqual([
      [200, 'keep-alive'],
      [200, 'keep-alive'],
      [400, 'close'],
    ])
    const short = await sendRaw(bench.server.url, push(`${rows}more\r\n\r\n`, json, 'content-length: 11'), { count: 3 })
    expect(short.map(({ status }) => status)).toEqual([200, 400])
  })

  test('CONNECT says that there is nothing to allow', async () => {
    const [answer] = await sendRaw(bench.server.url, 'CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n')
    expect(answer?.headers).toMatchObject({ allow: '', connection: 'close' })
  })
})
