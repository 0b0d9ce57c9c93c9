import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Plan } from '../../src/contract/store.ts'
import { type Bench, definitions, openBench, problemOf } from './bench.ts'

let bench: Bench
let outside: string
let shared: string
beforeAll(async () => {
  outside = realpathSync(mkdtempSync(join(tmpdir(), 'provender-outside-')))
  shared = realpathSync(mkdtempSync(join(tmpdir(), 'provender-shared-')))
  for (const dir of [outside, shared]) writeFileSync(join(dir, 'secret.csv'), 'airport,n,at\nORD,1,2026-03-01\n')
  bench = await openBench({ dataRoots: [shared] })
})
afterAll(async () => {
  await bench[Symbol.asyncDispose]()
  for (const dir of [outside, shared]) rmSync(dir, { recursive: true })
})

const yaml = (verb: string, body: string) =>
  bench.ask('POST', `/v1/${verb}`, { body, headers: { 'content-type': 'application/yaml' } })
const json = (verb: string, body: unknown) => bench.ask('POST', `/v1/${verb}`, { body })
const wire = async () =>
  ((await bench.ask('GET', '/v1/registry')).json as { definitions: Record<string, Record<string, unknown>> })
    .definitions

describe('the registry', () => {
  test('shows a version, its definitions in the wire form', async () => {
    const { json: head } = await bench.ask('GET', '/v1/registry')
    expect(head).toMatchObject({
      version: 1,
      parent: 0,
      author: expect.any(String) as string,
      definitions: { entities: { airport: { key: 'string' } }, on_demand: {} },
    })
    expect((await bench.ask('GET', '/v1/registry?version=1')).json).toEqual(head)
    expect(problemOf(await bench.ask('GET', '/v1/registry?version=9'))).toMatchObject({
      status: 404,
      code: 'UNKNOWN_VERSION',
    })
    expect(problemOf(await bench.ask('GET', '/v1/registry?version=one'))).toMatchObject({ status: 400, at: '/version' })
  })

  test('plans and applies YAML and JSON alike; the same again changes nothing', async () => {
    expect((await yaml('plan', definitions)).json).toEqual({ version: 1, changes: [] })
    expect((await json('plan', { definitions: await wire() })).json).toEqual({ version: 1, changes: [] })
    expect((await yaml('apply', definitions)).json).toEqual({ version: 1, changes: [] })
  })

  test('applies, tells the changes, keeps versions, and rolls back', async () => {
    const changed = await wire()
    changed['services'] = { ...changed['services'], small: { features: ['airport_delays:delay'] } }
    const planned = (await json('plan', { definitions: changed })).json as Plan
    expect(planned).toMatchObject({
      version: 1,
      changes: [{ action: 'add', kind: 'service', name: 'small', breaking: false }],
    })
    const applied = (await json('apply', { definitions: changed, parentVersion: 1, message: 'a small one' }))
      .json as Plan
    expect(applied).toMatchObject({ version: 2, changes: planned.changes })
    expect((await bench.ask('GET', '/v1/registry/versions?limit=1')).json).toMatchObject({
      versions: [{ version: 2, parent: 1, message: 'a small one', changes: 1 }],
    })
    expect((await bench.ask('GET', '/v1/registry/diff?from=1&to=2')).json).toMatchObject({
      from: 1,
      to: 2,
      changes: [{ name: 'small' }],
    })
    expect((await bench.ask('GET', '/v1/registry/diff?from=1')).json).toMatchObject({ to: 2 })
    const late = problemOf(await json('apply', { definitions: {}, parentVersion: 1 }))
    expect([late.status, late.code]).toEqual([409, 'REGISTRY_CONFLICT'])
    expect(late.detail).toContain('Version 2 is the head')
    expect(
      problemOf(
        await bench.ask('POST', '/v1/plan?parentVersion=1', {
          body: definitions,
          headers: { 'content-type': 'application/yaml' },
        }),
      ).code,
    ).toBe('REGISTRY_CONFLICT')
    expect((await json('registry/rollback', { version: 1, allowBreaking: true })).json).toMatchObject({
      version: 3,
      changes: [{ action: 'remove', name: 'small' }],
    })
    expect(problemOf(await json('registry/rollback', { version: 9 }))).toMatchObject({
      status: 404,
      code: 'UNKNOWN_VERSION',
    })
    expect(problemOf(await bench.ask('GET', '/v1/registry/diff'))).toMatchObject({ status: 400, at: '/from' })
  })

  test('refuses what breaks a service, unless it is allowed', async () => {
    const changed = await wire()
    changed['views'] = Object.fromEntries(
      Object.entries(changed['views'] ?? {}).map(([name, view]) => [
        name,
        name === 'airport_delays'
          ? { ...(view as object), features: { miles: { type: 'float64', column: 'distance' } } }
          : view,
      ]),
    )
    const refused = problemOf(await json('apply', { definitions: changed }))
    expect([refused.status, refused.code]).toEqual([409, 'BREAKING_CHANGE'])
  })
})

describe('definitions that are wrong', () => {
  const bad = {
    views: { v: { entities: ['airprt'], source: 'nothing', features: {} } },
    entities: { airport: { key: 'string' } },
  }

  test('are all told, as places in JSON', async () => {
    const problem = problemOf(await json('apply', { definitions: bad }))
    expect(problem.status).toBe(400)
    const places = problem.errors?.map(({ at }) => at)
    expect(places).toContain('/definitions/views/v/entities/0')
    expect(places?.every((at) => at?.startsWith('/definitions/views/v'))).toBe(true)
    expect(problem.errors?.find(({ code }) => code === 'UNKNOWN_ENTITY')?.remedy).toContain('airport')
  })

  test('are all told, as places in YAML', async () => {
    const problem = problemOf(
      await yaml(
        'plan',
        'entities:\n  airport: { key: string }\nviews:\n  v: { entities: [airprt], source: s, features: {} }\n',
      ),
    )
    expect(problem.errors?.map(({ at }) => at)).toContain('body:4:19')
    expect(problemOf(await yaml('apply', 'entities: {'))).toMatchObject({
      status: 400,
      code: 'SYNTAX_ERROR',
      at: expect.stringMatching(/^body:1:/) as string,
    })
  })

  test('are validated without being applied', async () => {
    expect((await json('validate', { definitions: await wire() })).json).toEqual({ ok: true, errors: [] })
    expect((await yaml('validate', definitions)).json).toEqual({ ok: true, errors: [] })
    const { json: answer } = await json('validate', { definitions: bad })
    expect(answer).toMatchObject({
      ok: false,
      errors: expect.arrayContaining([
        expect.objectContaining({ code: 'UNKNOWN_ENTITY', at: '/definitions/views/v/entities/0' }),
      ]) as unknown,
    })
    expect((await yaml('validate', 'views: 5')).json).toMatchObject({
      ok: false,
      errors: [{ at: expect.stringMatching(/^body:1:/) as string }],
    })
  })

  test('are told what their sources lack', async () => {
    const problem = problemOf(await yaml('plan', definitions.replace('delay: int32', 'delay: string')))
    expect([problem.status, problem.code]).toEqual([400, 'TYPE_MISMATCH'])
    expect(JSON.stringify(problem)).not.toContain(bench.dir)
  })

  test.each([
    ['no definitions', {}, 'BAD_REQUEST', '/definitions'],
    ['definitions that are none', { definitions: [] }, 'BAD_REQUEST', '/definitions'],
    ['an unknown section', { definitions: { entitys: {} } }, 'UNKNOWN_FIELD', '/definitions/entitys'],
    ['an unknown member', { definitions: {}, allowbreaking: true }, 'UNKNOWN_MEMBER', '/allowbreaking'],
  ])('%s', async (_, body, code, at) => {
    expect(problemOf(await json('apply', body))).toMatchObject({ status: 400, code, at })
  })

  test('options stand beside JSON, or in the query string of YAML', async () => {
    expect(problemOf(await json('apply?allowBreaking=true', { definitions: {} }))).toMatchObject({
      status: 400,
      at: '/allowBreaking',
    })
    expect(problemOf(await yaml('apply?allowBreking=true', definitions))).toMatchObject({
      code: 'UNKNOWN_MEMBER',
      at: '/allowBreking',
    })
  })
})

describe('files of sources', () => {
  const withPath = (path: string) => ({
    entities: { airport: { key: 'string' } },
    sources: { counts: { type: 'csv', path, timestamp: 'at' } },
    views: { counted: { entities: ['airport'], source: 'counts', features: { n: 'int64' } } },
  })

  beforeAll(() => {
    mkdirSync(join(bench.dir, 'data/in'))
    bench.write('data/in/own.csv', 'airport,n,at\nORD,1,2026-03-01\n')
    symlinkSync(join(outside, 'secret.csv'), join(bench.dir, 'data/link.csv'))
    symlinkSync(outside, join(bench.dir, 'data/away'))
    mkdirSync(join(bench.dir, 'data/mixed'))
    symlinkSync(join(outside, 'secret.csv'), join(bench.dir, 'data/mixed/link.csv'))
    symlinkSync(join(bench.dir, 'data/in/own.csv'), join(bench.dir, 'data/own-link.csv'))
  })

  test.each([['data/in/own.csv'], ['data/in'], ['data/in/*.csv'], ['data/own-link.csv'], ['data/../data/in/own.csv']])(
    '%s lies within',
    async (path) => {
      expect((await json('plan', { definitions: withPath(path) })).status).toBe(200)
    },
  )

  test('a folder of server.dataRoots is within', async () => {
    expect((await json('plan', { definitions: withPath(join(shared, 'secret.csv')) })).status).toBe(200)
    expect((await json('plan', { definitions: withPath(join(shared, '*.csv')) })).status).toBe(200)
  })

  test.each([
    ['an absolute path', () => join(outside, 'secret.csv')],
    ['a file that is not there', () => join(outside, 'nothing.csv')],
    ['a path upwards', () => '../nothing.csv'],
    ['a folder beside the repository that begins like it', () => `${bench.dir}-more/x.csv`],
    ['a link', () => 'data/link.csv'],
    ['a folder behind a link', () => 'data/away/secret.csv'],
    ['a folder with a link in it', () => 'data/mixed'],
    ['a pattern that meets a link', () => 'data/*.csv'],
    ['a pattern that goes upwards', () => 'data/*/../../../x.csv'],
    ['a pattern that hides the way upwards', () => `data/{in,../../${outside.split('/').at(-1)}}/*.csv`],
    ['all', () => '/**/*.csv'],
  ])('%s lies outside, and nothing is told of it', async (_, path) => {
    const problem = problemOf(await json('apply', { definitions: withPath(path()), allowBreaking: true }))
    expect(problem).toMatchObject({ status: 400, code: 'BAD_REQUEST', at: '/definitions/sources/counts/path' })
    expect(problem.detail).toContain('outside')
  })

  test('are told by their place in YAML', async () => {
    const body = `entities: { a: { key: string } }\nsources:\n  s: { type: csv, path: /etc/passwd, timestamp: at }\n`
    expect(problemOf(await yaml('plan', body)).at).toBe('body:3:25')
  })
})

describe('what is defined', () => {
  test.each([
    [
      'entities',
      'route',
      {
        keys: [
          { name: 'origin', type: 'string' },
          { name: 'destination', type: 'string' },
        ],
      },
    ],
    ['sources', 'flights', { type: 'parquet', path: 'data/flights.parquet' }],
    [
      'views',
      'airport_delays',
      {
        ttl: '2d',
        online: true,
        features: [
          { name: 'delay', type: 'int32' },
          { name: 'miles', type: 'float64' },
        ],
      },
    ],
    ['services', 'delay_model', { features: ['airport_delays', 'route_stats:distance'] }],
  ])('%s: listed, and shown one by one', async (kind, name, facts) => {
    const listed = (await bench.ask('GET', `/v1/${kind}`)).json as Record<string, { name: string }[]>
    expect(listed[kind]?.find((each) => each.name === name)).toMatchObject(facts)
    expect((await bench.ask('GET', `/v1/${kind}/${name}`)).json).toMatchObject({ name, ...facts })
    expect(problemOf(await bench.ask('GET', `/v1/${kind}/${name}x`))).toMatchObject({
      status: 404,
      code: 'UNKNOWN_NAME',
      remedy: expect.stringContaining(name) as string,
    })
  })

  test('on-demand views: none yet', async () => {
    expect((await bench.ask('GET', '/v1/on-demand')).text).toBe('{"on-demand":[]}')
    expect(problemOf(await bench.ask('GET', '/v1/on-demand/risk')).status).toBe(404)
  })

  test('errors are explained', async () => {
    expect((await bench.ask('GET', '/v1/errors/UNKNOWN_ENTITY')).json).toMatchObject({
      code: 'UNKNOWN_ENTITY',
      status: 400,
      exit: 3,
      retryable: false,
    })
    expect(problemOf(await bench.ask('GET', '/v1/errors/UNKNOWN_ENTTY'))).toMatchObject({
      status: 404,
      remedy: 'Did you mean UNKNOWN_ENTITY?',
    })
  })
})
