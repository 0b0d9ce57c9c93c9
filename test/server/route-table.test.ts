import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type Route, errorStatusesOf } from '../../src/contract/route.ts'
import { type RouteName, routes } from '../../src/contract/routes.ts'
import type { Run } from '../../src/contract/store.ts'
import { type Bench, type Sent, definitions, openBench, problemOf } from './bench.ts'

/** A request that is answered well. */
interface Good {
  readonly path: string
  readonly body?: Readonly<Record<string, unknown>>
}

const at = '2026-03-09T23:30:00Z'
const wire = { entities: { e: { key: 'string' } } }

/** One for every route. What changes the registry is always too late, so that no mutation of it does. */
const good: Readonly<Record<RouteName, Good>> = {
  onlineOne: { path: '/v1/online/airport_delays?airport=ORD' },
  online: {
    path: '/v1/online',
    body: {
      features: ['airport_delays'],
      entities: [{ airport: 'ORD' }],
      request: {},
      fullNames: true,
      includeExpired: true,
      include: ['eventTimes'],
    },
  },
  historical: {
    path: '/v1/historical',
    body: {
      features: 'airport_delays',
      spine: { rows: [{ airport: 'ORD', event_timestamp: at }] },
      timestamp: 'event_timestamp',
      fullNames: false,
      knownBy: 'spine',
      asOf: at,
      registryVersion: 1,
    },
  },
  historicalEvents: {
    path: '/v1/historical/events',
    body: { features: 'airport_delays', start: '2026-03-09', end: at, asOf: at, fullNames: true },
  },
  historicalSnapshot: {
    path: '/v1/historical/snapshot',
    body: { features: 'airport_delays', at, asOf: at, fullNames: false, includeExpired: true },
  },
  push: { path: '/v1/push/taps', body: { rows: [{ driver_id: 1, tapped_at: at }], to: 'both' } },
  delete: { path: '/v1/online/taps_seen?driver_id=99' },
  deadLetters: { path: '/v1/dead-letters?source=taps&limit=1' },
  replayDeadLetters: { path: '/v1/dead-letters/replay', body: { ids: ['x'], source: 'taps' } },
  load: { path: '/v1/load', body: { sources: ['flights'] } },
  materialize: {
    path: '/v1/materialize?wait=false',
    body: { views: ['taps_seen'], since: '1d', end: at, repair: false },
  },
  runs: { path: '/v1/runs?view=airport_delays&state=succeeded&limit=1' },
  run: { path: '/v1/runs/{run}' },
  cancelRun: { path: '/v1/runs/{run}/cancel', body: {} },
  maintain: { path: '/v1/maintain', body: {} },
  about: { path: '/v1' },
  registry: { path: '/v1/registry?version=1' },
  versions: { path: '/v1/registry/versions?limit=1' },
  diff: { path: '/v1/registry/diff?from=0&to=1' },
  plan: { path: '/v1/plan', body: { definitions: wire, parentVersion: 1, allowBreaking: true, message: 'x' } },
  apply: { path: '/v1/apply', body: { definitions: wire, parentVersion: 9, message: 'x' } },
  rollback: {
    path: '/v1/registry/rollback',
    body: { version: 1, allowBreaking: false, message: 'x', parentVersion: 1 },
  },
  validate: { path: '/v1/validate', body: { definitions: wire } },
  entities: { path: '/v1/entities' },
  entity: { path: '/v1/entities/airport' },
  sources: { path: '/v1/sources' },
  source: { path: '/v1/sources/flights' },
  views: { path: '/v1/views' },
  view: { path: '/v1/views/airport_delays' },
  onDemand: { path: '/v1/on-demand' },
  onDemandOne: { path: '/v1/on-demand/risk' },
  services: { path: '/v1/services' },
  service: { path: '/v1/services/delay_model' },
  errorCode: { path: '/v1/errors/UNKNOWN_ENTITY' },
  doctor: { path: '/v1/doctor' },
  openApi: { path: '/openapi.json' },
  docs: { path: '/docs' },
  docsFile: { path: '/docs/{file}' },
  livez: { path: '/livez' },
  readyz: { path: '/readyz' },
  metrics: { path: '/metrics' },
}

/** Good requests that are refused all the same: there is no such thing, or somebody else applied first. */
const refused: Partial<Record<RouteName, number>> = { onDemandOne: 404, apply: 409 }

const names = Object.keys(routes) as RouteName[]
const tableOf = (name: RouteName): Route => routes[name]

let bench: Bench
let run: string
beforeAll(async () => {
  bench = await openBench()
  run = ((await bench.ask('GET', '/v1/runs?limit=1')).json as { runs: Run[] }).runs[0]?.id ?? ''
})
afterAll(async () => bench[Symbol.asyncDispose]())

const pathOf = (name: RouteName): string => good[name].path.replace('{run}', run)

async function expectGood(name: RouteName): Promise<void> {
  const { body } = good[name]
  const answer = await bench.ask(tableOf(name).method, pathOf(name), body === undefined ? {} : { body })
  expect([name, answer.status, answer.status < 400 ? '' : answer.text]).toEqual([
    name,
    refused[name] ?? tableOf(name).statuses[0],
    refused[name] === undefined ? '' : answer.text,
  ])
  if (answer.status < 400) tableOf(name).answer.parse(answer.json)
}

describe('every route of the table', () => {
  test('is annotated, and no two are one', () => {
    const all = names.map((name) => `${tableOf(name).method} ${tableOf(name).path.replaceAll(/\{\w+\}/g, '{}')}`)
    expect(new Set(all).size).toBe(all.length)
    for (const name of names)
      expect(tableOf(name)).toMatchObject({
        summary: expect.stringMatching(/^[A-Z]/) as string,
        permission: expect.any(String) as string,
      })
  })

  test('can be described: its schemas are JSON schemas', () => {
    for (const name of names) {
      const { query, body, answer } = tableOf(name)
      for (const schema of [query, answer, ...(body === null ? [] : [body])])
        expect(z.toJSONSchema(schema, { unrepresentable: 'any', io: 'input' })).toHaveProperty('$schema')
    }
  })

  test.each(names)('%s answers as its schema says', expectGood)
})

/** A mutation of a good request. */
interface Mutant extends Sent {
  readonly what: string
  readonly method: string
  readonly path: string
}

const others: readonly unknown[] = [
  null,
  true,
  -1,
  1.5,
  Number.POSITIVE_INFINITY,
  'x',
  '',
  [],
  [[]],
  {},
  { a: { b: [] } },
  'x'.repeat(100_000),
]
const texts: readonly string[] = [
  '',
  'x',
  '-1',
  '1.5',
  '99999999999999999999',
  'true',
  '%00',
  '__proto__',
  'constructor',
  '%F0%9F%98%80',
  'a%2Fb',
  'x'.repeat(5000),
]
const broken: readonly (string | Buffer)[] = [
  '{',
  '}',
  '{"a":1,}',
  '[',
  '"',
  'nul',
  "{'a':1}",
  '{"a":1}{',
  '\u0000',
  Buffer.from([0xff, 0xfe]),
  Buffer.from('\ufeff{}'),
  `${'['.repeat(40)}${']'.repeat(40)}`,
  '[]',
  '5',
  'null',
  '"x"',
  '{"__proto__":{"a":1}}',
  '{"constructor":1}',
]

function* mutantsOf(name: RouteName): Generator<Mutant> {
  const { method, query, keysInQuery, headers } = tableOf(name)
  const { body } = good[name]
  const path = pathOf(name)
  const base = { method, path, ...(body === undefined ? {} : { body }) }
  for (const [i, step] of path.split('?')[0]?.split('/').entries() ?? []) {
    if (tableOf(name).path.split('/')[i]?.startsWith('{') !== true) continue
    for (const text of texts)
      yield { ...base, what: `parameter ${text.slice(0, 20)}`, path: path.replace(`/${step}`, `/${text}`) }
  }
  const joint = path.includes('?') ? '&' : '?'
  yield { ...base, what: 'an unknown parameter', path: `${path}${joint}${keysInQuery ? '_' : ''}unknown=1` }
  for (const parameter of Object.keys(query.shape)) {
    for (const text of texts)
      yield {
        ...base,
        what: `${parameter}=${text.slice(0, 20)}`,
        path: `${path.replace(new RegExp(`${parameter}=[^&]*`), '')}${joint}${parameter}=${text}`,
      }
    yield { ...base, what: `${parameter} twice`, path: `${path}${joint}${parameter}=1&${parameter}=2` }
  }
  for (const header of [...headers, 'x-timeout-ms', 'accept', 'x-request-id'])
    for (const text of ['', 'x', '"', '-1', 'x'.repeat(1000)])
      yield { ...base, what: `${header}: ${text.slice(0, 20)}`, headers: { [header]: text } }
  if (body === undefined) return
  for (const text of broken) yield { ...base, what: `body ${String(text).slice(0, 20)}`, body: text }
  for (const type of ['text/plain', 'text/csv', 'application/yaml', 'multipart/form-data; boundary=x'])
    yield { ...base, what: type, body: 'a: [', headers: { 'content-type': type } }
  yield { ...base, what: 'an unknown member', body: { ...body, unknown: 1 } }
  for (const member of Object.keys(body)) {
    const rest = Object.entries(body).filter(([each]) => each !== member)
    yield { ...base, what: `no ${member}`, body: Object.fromEntries(rest) }
    for (const value of others)
      yield {
        ...base,
        what: `${member} ${String(JSON.stringify(value)).slice(0, 20)}`,
        body: JSON.stringify({ ...body, [member]: value }).replace(
          'null',
          value === Number.POSITIVE_INFINITY ? '1e400' : 'null',
        ),
      }
  }
}

describe('whatever is changed about a request', () => {
  test.each(names)('%s answers by a documented status, and goes on', async (name) => {
    const route = tableOf(name)
    const documented = new Set([...errorStatusesOf(route), 404, 405])
    let count = 0
    for (const { what, method, path, ...sent } of mutantsOf(name)) {
      const answer = await bench.ask(method, path, sent)
      count++
      if (answer.status < 400) continue
      const { status, code, detail } = problemOf(answer)
      expect(documented, `${name}, ${what}: ${status} ${code} ${detail}`).toContain(status)
      expect(status < 500 || code === 'DEADLINE_EXCEEDED', `${name}, ${what}: ${status} ${code} ${detail}`).toBe(true)
    }
    expect(count).toBeGreaterThan(5)
    await expectGood(name)
  })

  test('a method that the path does not have is a 405', async () => {
    for (const name of names) {
      const path = pathOf(name)
      const bare = tableOf(name).path.replaceAll(/\{\w+\}/g, '{}')
      const allowed = names
        .filter((each) => tableOf(each).path.replaceAll(/\{\w+\}/g, '{}') === bare)
        .map((each) => tableOf(each).method)
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY', 'PROPFIND']) {
        if (allowed.includes(method as 'GET')) continue
        const answer = await bench.ask(method, path)
        // A word of a path may be the parameter of another.
        if (answer.status === 405) expect(answer.headers['allow']).toContain(tableOf(name).method)
        else expect([name, method, problemOf(answer).status]).toEqual(['never', '', 0])
      }
    }
  })

  test('the registry is what it was', async () => {
    expect((await bench.ask('GET', '/v1/registry')).json).toMatchObject({ version: 1 })
    const again = await bench.ask('POST', '/v1/plan', {
      body: definitions,
      headers: { 'content-type': 'application/yaml' },
    })
    expect(again.json).toEqual({ version: 1, changes: [] })
  })
})
