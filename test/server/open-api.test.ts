import { Validator } from '@seriousme/openapi-schema-validator'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Route } from '../../src/contract/route.ts'
import { errorStatusesOf, problemType } from '../../src/contract/route.ts'
import { type RouteName, routes } from '../../src/contract/routes.ts'
import { errorTable } from '../../src/kernel/errors.ts'
import { type Bench, openBench } from './bench.ts'
import { type Description, faultOf, operationsOf } from './described-answer.ts'

let bench: Bench
let document: Description
beforeAll(async () => {
  bench = await openBench()
  document = (await bench.ask('GET', '/openapi.json')).json as Description
})
afterAll(async () => bench[Symbol.asyncDispose]())

const names = Object.keys(routes) as RouteName[]
const tableOf = (name: RouteName): Route => routes[name]

describe('the description of the API', () => {
  test('is OpenAPI 3.1', async () => {
    expect(document).toMatchObject({ openapi: '3.1.1', servers: [{ url: '/' }], info: { title: 'Provender' } })
    expect(await new Validator().validate(structuredClone(document))).toEqual({ valid: true })
  })

  test('has every route of the table and no other', () => {
    const described = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, { operationId }]) => `${operationId} ${method.toUpperCase()} ${path}`),
    )
    expect(described.sort()).toEqual(
      names.map((name) => `${name} ${tableOf(name).method} ${tableOf(name).path}`).sort(),
    )
  })

  test.each(names)('says of %s what the table says', (name) => {
    const route = tableOf(name)
    const operation = operationsOf(document).get(name)
    const parameters = (operation?.['parameters'] ?? []) as { in?: string; name?: string; $ref?: string }[]
    const of = (place: string) => parameters.flatMap((each) => (each.in === place ? [each.name] : []))
    expect(of('path')).toEqual([...route.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]))
    expect(of('query')).toEqual([...(route.keysInQuery ? ['keys'] : []), ...Object.keys(route.query.shape)])
    const common = document['components'] as {
      readonly parameters: Readonly<Record<string, { readonly name: string }>>
    }
    const headers = parameters.flatMap(({ $ref }) => common.parameters[$ref?.split('/').at(-1) ?? '']?.name ?? [])
    expect(headers.sort()).toEqual(['x-request-id', ...route.headers].sort())
    expect(of('header')).toEqual(['x-timeout-ms'])
    const body = operation?.['requestBody'] as { readonly content: object } | undefined
    expect(Object.keys(body?.content ?? {})).toEqual(route.accepts)
    expect(Object.keys(operation?.responses ?? {})).toEqual(
      [...route.statuses, ...errorStatusesOf(route)].map(String).sort(),
    )
    expect(operation).toMatchObject({ summary: route.summary, tags: [expect.any(String) as string] })
  })

  test('refers to nothing that it does not hold, and shares what several routes answer', () => {
    const components = document['components'] as Readonly<Record<string, Readonly<Record<string, unknown>>>>
    const text = JSON.stringify(document)
    const named = new Set(
      [...text.matchAll(/"#\/components\/(\w+)\/(\w+)"/g)].map((match) => `${match[1]}/${match[2]}`),
    )
    const held = Object.entries(components).flatMap(([kind, all]) => Object.keys(all).map((name) => `${kind}/${name}`))
    expect([...named].sort()).toEqual(held.sort())
    expect(Object.keys(components['schemas'] ?? {})).toEqual(
      expect.arrayContaining(['Change', 'Plan', 'Problem', 'Run', 'Table']),
    )
    expect(text).not.toContain('$defs')
  })

  test('has every status of the error table but those that come before any route', () => {
    const described = new Set([...operationsOf(document).values()].flatMap(({ responses }) => Object.keys(responses)))
    const statuses = new Set(Object.values(errorTable).map(({ status }) => String(status)))
    expect([...statuses].filter((status) => !described.has(status))).toEqual(['405'])
  })
})

describe('an answer', () => {
  const good: Answerable[] = [
    [
      'onlineOne',
      'GET',
      '/v1/online/delay_model?airport=ORD&origin=ORD&destination=BOS&_include=eventTimes',
      undefined,
      200,
    ],
    ['online', 'POST', '/v1/online', { features: ['airport_delays', 'archive'], entities: [{ airport: 'ORD' }] }, 400],
    [
      'online',
      'POST',
      '/v1/online',
      { features: 'airport_delays', entities: [{ airport: 'ORD' }, { airport: null }], include: ['eventTimes'] },
      200,
    ],
    ['historicalSnapshot', 'POST', '/v1/historical/snapshot', { features: 'taps_seen', at: '2026-03-10' }, 200],
    ['push', 'POST', '/v1/push/taps', { rows: [{ driver_id: 1, tapped_at: '2026-03-09' }, 5] }, 200],
    ['push', 'POST', '/v1/push/taps', { rows: [5, 6] }, 400],
    ['deadLetters', 'GET', '/v1/dead-letters?limit=1', undefined, 200],
    ['materialize', 'POST', '/v1/materialize', { views: ['taps_seen'] }, 202],
    ['materialize', 'POST', '/v1/materialize?wait=true', { views: ['taps_seen'] }, 200],
    ['runs', 'GET', '/v1/runs', undefined, 200],
    ['plan', 'POST', '/v1/plan', { definitions: {} }, 200],
    ['validate', 'POST', '/v1/validate', { definitions: { views: { v: {} } } }, 200],
    ['apply', 'POST', '/v1/apply', { definitions: {} }, 409],
    ['registry', 'GET', '/v1/registry', undefined, 200],
    ['diff', 'GET', '/v1/registry/diff?from=0', undefined, 200],
    ['view', 'GET', '/v1/views/airport_delays', undefined, 200],
    ['view', 'GET', '/v1/views/nothing', undefined, 404],
    ['docs', 'GET', '/docs', undefined, 200],
  ]
  type Answerable = [name: RouteName, method: string, path: string, body: unknown, status: number]

  test.each(good)('of %s: %s %s %j is as described', async (name, ...[method, path, body, status]) => {
    const answer = await bench.ask(method, path, { body })
    const operation = operationsOf(document).get(name)
    expect([answer.status, operation && faultOf(document, operation, answer)]).toEqual([status, undefined])
  })

  test('is seen where it is not as described', async () => {
    const operation = operationsOf(document).get('push')
    const answer = await bench.ask('POST', '/v1/push/taps', { body: { rows: [] } })
    const fault = (text: string, status = 200, type = 'application/json'): string | undefined =>
      operation &&
      faultOf(document, operation, { ...answer, status, text, headers: { ...answer.headers, 'content-type': type } })
    expect(fault(answer.text)).toBeUndefined()
    expect(fault('{"accepted":1,"superseded":0}')).toContain('"rejected" is described')
    expect(fault('{"accepted":1.5,"superseded":0,"rejected":[]}')).toContain('/accepted: integer')
    expect(fault('{"accepted":1,"superseded":0,"rejected":[{"row":1,"code":"x"}]}')).toContain('/rejected/0: "detail"')
    expect(fault('{"accepted":1,"superseded":0,"rejected":[],"more":1}')).toContain('/more is one too many')
    expect(fault(answer.text, 201)).toContain('201')
    expect(fault(answer.text, 200, 'text/csv')).toContain('text/csv')
    expect(fault('{"type":"about:blank"}', 400, problemType)).toContain('is described')
  })
})
