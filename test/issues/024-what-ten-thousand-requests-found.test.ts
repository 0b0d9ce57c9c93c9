import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Bench, openBench, problemOf } from '../server/bench.ts'

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(async () => bench[Symbol.asyncDispose]())

test('an integer that a double cannot hold, where a definition has something wrong, is no fault of Provender', async () => {
  for (const entity of ['9007199254740993', '{"key":9007199254740993}', '{"key":"string","x":[9007199254740993]}']) {
    const answer = await bench.ask('POST', '/v1/validate', { body: `{"definitions":{"entities":{"e":${entity}}}}` })
    expect([answer.status, answer.json]).toMatchObject([200, { ok: false }])
  }
})

test('null is no body, where a body may be left out too', async () => {
  for (const path of ['/v1/dead-letters/replay', '/v1/maintain', '/v1/load', '/v1/materialize']) {
    const problem = problemOf(await bench.ask('POST', path, { body: 'null' }))
    expect([path, problem.code]).toEqual([path, 'BAD_REQUEST'])
    expect((await bench.ask('POST', path)).status).toBeLessThan(300)
  }
})

test('"__proto__" is a member, and a parameter, that no request has', async () => {
  const bodies: [string, string, string][] = [
    ['/v1/online', '{"features":"airport_delays","entities":[],"__proto__":{}}', '/__proto__'],
    ['/v1/push/taps', '{"rows":[],"__proto__":1}', '/__proto__'],
    ['/v1/historical', '{"features":"airport_delays","spine":{"rows":[],"__proto__":[]}}', '/spine/__proto__'],
  ]
  for (const [path, body, at] of bodies)
    expect(problemOf(await bench.ask('POST', path, { body }))).toMatchObject({ code: 'UNKNOWN_MEMBER', at })
  for (const path of ['/v1/online/airport_delays?airport=ORD&__proto__=x', '/v1/runs?__proto__=x'])
    expect(problemOf(await bench.ask('GET', path))).toMatchObject({ code: 'UNKNOWN_MEMBER', at: '/__proto__' })
})

test('a query string that cannot be decoded names no other entity than was meant', async () => {
  for (const key of ['%', '%zz', '%ff', '%c3%28'])
    expect(problemOf(await bench.ask('GET', `/v1/online/airport_delays?airport=${key}`)).code).toBe('BAD_REQUEST')
})
