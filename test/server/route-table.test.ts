import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { RouteName } from '../../src/contract/routes.ts'
import { type Bench, openBench, problemOf } from './bench.ts'
import { type Description, faultOf, operationsOf } from './described-answer.ts'
import { type Good, goodRequestsOf, refusedThough, routeNames, tableOf } from './good-requests.ts'

let bench: Bench
let good: Readonly<Record<RouteName, Good>>
let document: Description
beforeAll(async () => {
  bench = await openBench()
  good = await goodRequestsOf(bench)
  document = (await bench.ask('GET', '/openapi.json')).json as Description
})
afterAll(async () => bench[Symbol.asyncDispose]())

describe('every route of the table', () => {
  test('is annotated, and no two are one', () => {
    const all = routeNames.map((name) => `${tableOf(name).method} ${tableOf(name).path.replaceAll(/\{\w+\}/g, '{}')}`)
    expect(new Set(all).size).toBe(all.length)
    for (const name of routeNames)
      expect(tableOf(name)).toMatchObject({
        summary: expect.stringMatching(/^[A-Z]/) as string,
        permission: expect.any(String) as string,
      })
  })

  test('can be described: its schemas are JSON schemas', () => {
    for (const name of routeNames) {
      const { query, body, answer } = tableOf(name)
      for (const schema of [query, answer, ...(body === null ? [] : [body])])
        expect(z.toJSONSchema(schema, { unrepresentable: 'any', io: 'input' })).toHaveProperty('$schema')
    }
  })

  test.each(routeNames)('%s answers as it is described', async (name) => {
    const { path, body } = good[name]
    const answer = await bench.ask(tableOf(name).method, path, body === undefined ? {} : { body })
    expect([name, answer.status]).toEqual([name, refusedThough[name] ?? tableOf(name).statuses[0]])
    const operation = operationsOf(document).get(name)
    expect(operation && faultOf(document, operation, answer)).toBeUndefined()
    const [media] = tableOf(name).answers
    if (answer.status < 400) tableOf(name).answer.parse(media === 'application/json' ? answer.json : answer.text)
  })

  test('answers 405 to a method that its path does not have', async () => {
    const bare = (name: RouteName): string => tableOf(name).path.replaceAll(/\{\w+\}/g, '{}')
    for (const name of routeNames) {
      const allowed = routeNames.filter((each) => bare(each) === bare(name)).map((each) => tableOf(each).method)
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY', 'PROPFIND', 'TRACE']) {
        if (allowed.includes(method as 'GET')) continue
        const answer = await bench.ask(method, good[name].path)
        // A word of a path may be the parameter of another.
        if (answer.status === 405) expect(answer.headers['allow']).toContain(tableOf(name).method)
        else expect([name, method, problemOf(answer).status]).toEqual(['never', '', 0])
      }
    }
  })
})
