import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseInstant } from '../../src/values/instant.ts'
import { type Bench, definitions, openBench, problemOf, today } from './bench.ts'

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(async () => bench[Symbol.asyncDispose]())

const get = (path: string) => bench.ask('GET', `/v1/online/${path}`)
const post = (body: unknown) => bench.ask('POST', '/v1/online', { body })

describe('GET /v1/online/{reference}', () => {
  test('answers one entity by name, its keys typed', async () => {
    const answer = await get('delay_model?airport=ORD&origin=ORD&destination=BOS')
    expect(answer.status).toBe(200)
    expect(answer.headers['content-type']).toBe('application/json')
    expect(answer.text).toBe(
      '{"entity":{"airport":"ORD","origin":"ORD","destination":"BOS"},' +
        '"features":{"delay":49,"miles":399.5,"distance":394.5},' +
        '"statuses":{"delay":"PRESENT","miles":"PRESENT","distance":"PRESENT"}}',
    )
  })

  test('takes options behind an underscore', async () => {
    expect((await get('airport_delays?airport=LGA&_include=eventTimes&_fullNames=true')).json).toEqual({
      entity: { airport: 'LGA' },
      features: { airport_delays__delay: 47, airport_delays__miles: 397.5 },
      statuses: { airport_delays__delay: 'PRESENT', airport_delays__miles: 'PRESENT' },
      eventTimes: { airport_delays: '2026-03-09T21:00:00Z' },
    })
    expect((await get('airport_delays:delay?airport=nowhere&_include=eventTimes')).json).toEqual({
      entity: { airport: 'nowhere' },
      features: { delay: null },
      statuses: { delay: 'NOT_FOUND' },
      eventTimes: { airport_delays: null },
    })
  })

  test('takes aliases with keys, in a path as it is', async () => {
    const { json } = await get('airport_delays@dest(airport=destination):delay?destination=DEN')
    expect(json).toMatchObject({ entity: { destination: 'DEN' }, features: { dest__delay: 46 } })
  })

  test('withholds what is older than the ttl, unless asked for it', async () => {
    bench.clock.set(parseInstant('2026-03-12T00:00:00Z') ?? 0n)
    expect((await get('airport_delays?airport=ORD&_include=eventTimes')).json).toEqual({
      entity: { airport: 'ORD' },
      features: { delay: null, miles: null },
      statuses: { delay: 'OUTSIDE_MAX_AGE', miles: 'OUTSIDE_MAX_AGE' },
      eventTimes: { airport_delays: '2026-03-09T23:00:00Z' },
    })
    const { json } = await get('airport_delays?airport=ORD&_includeExpired=true')
    expect(json).toMatchObject({ features: { delay: 49 }, statuses: { delay: 'OUTSIDE_MAX_AGE' } })
    bench.clock.set(parseInstant(today) ?? 0n)
  })

  test.each<[string, number, string, string | undefined, RegExp]>([
    ['airport_delay?airport=ORD', 404, 'UNKNOWN_NAME', undefined, /airport_delays/],
    ['airport_delays:dely?airport=ORD', 404, 'UNKNOWN_NAME', undefined, /delay/],
    ['archive?airport=ORD', 400, 'NOT_ONLINE', undefined, /online: true/],
    ['airport_delays', 400, 'MISSING_KEY', '/airport', /key/],
    ['airport_delays?airport=ORD&airprt=x', 400, 'UNKNOWN_COLUMN', '/airprt', /airport/],
    ['airport_delays?airport=ORD&airport=LGA', 400, 'BAD_REQUEST', '/airport', /once/],
    ['airport_delays?airport=ORD&_includ=eventTimes', 400, 'UNKNOWN_MEMBER', '/_includ', /_include/],
    ['airport_delays?airport=ORD&_fullNames=yes', 400, 'BAD_REQUEST', '/_fullNames', /./],
    ['taps_seen?driver_id=five', 400, 'BAD_VALUE', '/driver_id', /./],
    ['taps_seen?driver_id=9223372036854775808', 400, 'BAD_VALUE', '/driver_id', /./],
    ['a:b:c?airport=ORD', 400, 'BAD_REQUEST', undefined, /./],
  ])('refuses %s', async (path, ...[status, code, at, remedy]) => {
    const answer = await get(path)
    const problem = problemOf(answer)
    expect([answer.status, problem.code]).toEqual([status, code])
    if (at !== undefined) expect(problem.at).toBe(at)
    expect(problem.remedy).toMatch(remedy)
  })
})

test('a key longer than 1 KiB is refused', async () => {
  const problem = problemOf(await get(`airport_delays?airport=${'k'.repeat(1025)}`))
  expect([problem.status, problem.code, problem.at]).toEqual([400, 'KEY_TOO_LONG', '/airport'])
})

describe('POST /v1/online', () => {
  test('answers each entity by position; statuses only where not all are present', async () => {
    const entities = [{ airport: 'ORD' }, { airport: 'nowhere' }, { airport: null }, { airport: 'ORD' }]
    const answer = await post({ features: ['airport_delays'], entities })
    expect(answer.text).toBe(
      '{"features":["delay","miles"],"views":["airport_delays"],"rows":[' +
        '{"values":[49,399.5]},' +
        '{"values":[null,null],"statuses":["NOT_FOUND","NOT_FOUND"]},' +
        '{"values":[null,null],"statuses":["NOT_FOUND","NOT_FOUND"]},' +
        '{"values":[49,399.5]}],"registryVersion":1}',
    )
  })

  test('takes columns, one reference, and what to include', async () => {
    const entities = { airport: ['ORD', 'x'], origin: ['DEN', 'ORD'], destination: ['BOS', 'BOS'] }
    const { json } = await post({ features: 'delay_model', entities, fullNames: true, include: ['eventTimes'] })
    expect(json).toEqual({
      features: ['airport_delays__delay', 'airport_delays__miles', 'route_stats__distance'],
      views: ['airport_delays', 'route_stats'],
      rows: [
        { values: [49, 399.5, 396.5], eventTimes: ['2026-03-09T23:00:00Z', '2026-03-09T20:00:00Z'] },
        {
          values: [null, null, 394.5],
          statuses: ['NOT_FOUND', 'NOT_FOUND', 'PRESENT'],
          eventTimes: [null, '2026-03-09T18:00:00Z'],
        },
      ],
      registryVersion: 1,
    })
  })

  test('takes no entities, and an empty request', async () => {
    expect((await post({ features: 'airport_delays', entities: [], request: {} })).json).toMatchObject({ rows: [] })
    expect((await post({ features: 'airport_delays', entities: {} })).json).toMatchObject({ rows: [] })
  })

  const good = { features: ['airport_delays'], entities: [{ airport: 'ORD' }] }
  test.each([
    ['an unknown member', { ...good, fullName: true }, 400, 'UNKNOWN_MEMBER', '/fullName'],
    ['a missing member', { entities: [] }, 400, 'BAD_REQUEST', '/features'],
    ['no references', { ...good, features: [] }, 400, 'BAD_REQUEST', '/features'],
    ['a reference that is no text', { ...good, features: ['a', 5] }, 400, 'BAD_REQUEST', '/features/1'],
    ['entities that are none', { ...good, entities: 'ORD' }, 400, 'BAD_REQUEST', '/entities'],
    ['an entity that is none', { ...good, entities: [{ airport: 'x' }, 5] }, 400, 'BAD_REQUEST', '/entities/1'],
    ['columns of two lengths', { ...good, entities: { airport: ['x'], b: [] } }, 400, 'BAD_REQUEST', '/entities/b'],
    ['an unknown column', { ...good, entities: [{ airport: 'x', y: 1 }] }, 400, 'UNKNOWN_COLUMN', '/entities/0/y'],
    [
      'an unknown column of columns',
      { ...good, entities: { airport: ['x'], 'a/b': [1] } },
      400,
      'UNKNOWN_COLUMN',
      '/entities/a~1b/0',
    ],
    ['a request input', { ...good, request: { at: 1 } }, 400, 'UNKNOWN_COLUMN', '/request/at'],
    ['an unknown view', { ...good, features: ['airports'] }, 404, 'UNKNOWN_NAME', undefined],
    [
      'too many entities',
      { ...good, entities: Array(10_001).fill({ airport: 'x' }) },
      413,
      'PAYLOAD_TOO_LARGE',
      '/entities',
    ],
    [
      'too many in columns',
      { ...good, entities: { airport: Array(10_001).fill('x') } },
      413,
      'PAYLOAD_TOO_LARGE',
      '/entities',
    ],
    [
      'two features of one name',
      { ...good, features: ['airport_delays', 'airport_delays:delay'] },
      400,
      'NAME_COLLISION',
      '/features',
    ],
  ])('refuses %s', async (_, ...[body, status, code, at]) => {
    const answer = await post(body)
    const problem = problemOf(answer)
    expect([answer.status, problem.code]).toEqual([status, code])
    if (at !== undefined) expect(problem.at).toBe(at)
  })

  test('lists all that is wrong with a body, the unknown member first', async () => {
    const { code, errors, at, remedy } = problemOf(await post({ feature: 'x', entities: 5 }))
    expect([code, at, remedy]).toEqual(['UNKNOWN_MEMBER', '/feature', 'Did you mean "features"?'])
    expect(errors?.map((error) => error.at)).toEqual(['/feature', '/features', '/entities'])
  })
})

test('O2: a text key is text in JSON and in a URL, a number is none', async () => {
  await bench.ask('POST', '/v1/push/airport_delays', {
    body: { rows: [{ airport: '5', delay: 55, landed_at: today }] },
  })
  expect((await post({ features: 'airport_delays:delay', entities: [{ airport: '5' }] })).json).toMatchObject({
    rows: [{ values: [55] }],
  })
  const refused = problemOf(
    await post({ features: 'airport_delays:delay', entities: [{ airport: 'x' }, { airport: 5 }] }),
  )
  expect([refused.code, refused.at]).toEqual(['BAD_VALUE', '/entities/1/airport'])
  expect((await get('airport_delays:delay?airport=5')).text).toContain(
    '{"entity":{"airport":"5"},"features":{"delay":55}',
  )
  const columns = problemOf(await post({ features: 'airport_delays:delay', entities: { airport: ['x', 5] } }))
  expect(columns.at).toBe('/entities/airport/1')
})

test('O3: of two keys one is missing, or null', async () => {
  const missing = problemOf(await post({ features: 'route_stats', entities: [{ origin: 'ORD' }] }))
  expect([missing.status, missing.code, missing.at]).toEqual([400, 'MISSING_KEY', '/entities/0/destination'])
  expect(missing.detail).toContain('destination')
  const { json } = await post({ features: 'route_stats', entities: [{ origin: 'ORD', destination: null }] })
  expect(json).toMatchObject({ rows: [{ values: [null], statuses: ['NOT_FOUND'] }] })
})

describe('O5: every value comes back exact', () => {
  const wire =
    '"big":9007199254740993,"raw":"AP8=","score":-0,"small":0.1,"tags":[],"seen":"2026-01-01T00:00:00.000001Z","label":"é\\n"'
  const more = (n: number | string, rest: string) =>
    `{"driver_id":${n},"tapped_at":"2026-03-09T00:00:00.000001Z",${rest}}`
  const rows = [
    more(1, wire),
    more(2, '"score":"NaN","tags":[null]'),
    more(3, '"score":"Infinity","small":"-Infinity","big":-9223372036854775808'),
    more('9007199254740993', '"label":""'),
  ]

  beforeAll(async () => {
    const answer = await bench.ask('POST', '/v1/push/taps', { body: `{"rows":[${rows.join(',')}]}` })
    expect(answer.text).toBe('{"accepted":4,"superseded":0,"rejected":[]}')
  })

  test('over GET', async () => {
    const { text } = await get('taps_seen?driver_id=1')
    expect(text).toContain(`{"entity":{"driver_id":1},"features":{${wire}}`)
    expect((await get('taps_seen:label?driver_id=9007199254740993')).text).toContain(
      '{"driver_id":9007199254740993},"features":{"label":""}',
    )
  })

  test('over POST', async () => {
    const ids = [1, 2, 3].map((n) => `{"driver_id":${n}}`)
    const answer = await bench.ask('POST', '/v1/online', {
      body: `{"features":["taps_seen"],"entities":[${ids.join(',')},{"driver_id":9007199254740993}],"include":["eventTimes"]}`,
    })
    const values = wire.replaceAll(/"\w+":(?=["[\-\d])/g, '')
    expect(answer.text).toContain(`"rows":[{"values":[${values}],"eventTimes":["2026-03-09T00:00:00.000001Z"]}`)
    expect(answer.text).toContain('[null,null,"NaN",null,[null],null,null]')
    expect(answer.text).toContain('[-9223372036854775808,null,"Infinity","-Infinity",null,null,null]')
    expect(answer.text).toContain('[null,null,null,null,null,null,""]')
  })

  test('and as history', async () => {
    const body = { features: 'taps_seen', spine: { rows: [{ driver_id: 1, event_timestamp: today }] } }
    const { text } = await bench.ask('POST', '/v1/historical', { body, headers: { accept: 'application/x-ndjson' } })
    expect(text).toBe(`{"driver_id":1,"event_timestamp":"${today}",${wire}}\n`)
  })
})

test('while a generation is built the old one answers; what only the new one has is NOT_MATERIALIZED', async () => {
  const changed = definitions.replace(
    'features: { delay: int32, miles: { type: float64, column: distance } }',
    'features: { delay: { type: float64, column: distance }, extra: { type: float64, column: distance } }',
  )
  const applied = await bench.ask('POST', '/v1/apply?allowBreaking=true', {
    body: changed,
    headers: { 'content-type': 'application/yaml' },
  })
  expect([applied.status, applied.json]).toMatchObject([200, { version: 2 }])
  expect((await get('airport_delays?airport=ORD')).json).toMatchObject({ features: { delay: 49, miles: 399.5 } })
  const refused = problemOf(await get('airport_delays:extra?airport=ORD'))
  expect([refused.status, refused.code]).toEqual([409, 'NOT_MATERIALIZED'])
  const ran = await bench.ask('POST', '/v1/materialize?wait=true', { body: { views: ['airport_delays'] } })
  expect([ran.status, ran.json]).toMatchObject([200, { runs: [{ state: 'succeeded', view: 'airport_delays' }] }])
  expect((await get('airport_delays?airport=ORD')).json).toMatchObject({ features: { delay: 399.5, extra: 399.5 } })
})
