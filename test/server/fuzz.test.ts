import { Agent } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringifyExact } from '../../src/codecs/exact-json.ts'
import { errorStatusesOf } from '../../src/contract/route.ts'
import type { RouteName } from '../../src/contract/routes.ts'
import { type Answer, type Bench, openBench, problemOf, today } from './bench.ts'
import { type Description, faultOf, operationsOf } from './described-answer.ts'
import { Dice } from './dice.ts'
import { type Good, goodRequestsOf, refusedThough, routeNames, tableOf } from './good-requests.ts'
import { type Mutant, type MutationClass, smallLimits } from './mutant.ts'
import { codesOf, mutationClasses } from './mutations.ts'

/** FUZZ_SEED, FUZZ_REQUESTS, and FUZZ_ONLY: the number of one request to send alone. */
const numberOf = (name: string, usual: number): number => Number(process.env[name] ?? usual)
const seed = numberOf('FUZZ_SEED', 20_261_125)
const requests = numberOf('FUZZ_REQUESTS', 10_000)
const only = process.env['FUZZ_ONLY']

/** Sent at once, over connections that stay open. */
const callers = 6

/** What takes a query or a run is asked less often: most of what is wrong with it is seen before. */
const weights: Partial<Record<RouteName, number>> = {
  historical: 8,
  historicalEvents: 4,
  historicalSnapshot: 4,
  materialize: 2,
  maintain: 2,
  doctor: 1,
  metrics: 2,
  online: 20,
  onlineOne: 20,
  push: 20,
  docsFile: 2,
}

let bench: Bench
let good: Readonly<Record<RouteName, Good>>
let document: Description
let agent: Agent
beforeAll(async () => {
  bench = await openBench({ limits: smallLimits })
  good = await goodRequestsOf(bench)
  document = (await bench.ask('GET', '/openapi.json')).json as Description
  agent = new Agent({ keepAlive: true, maxSockets: callers })
  const first = await bench.ask('POST', '/v1/push/taps', {
    body: { rows: [{ driver_id: 999, tapped_at: '2026-03-09' }] },
    headers: { 'idempotency-key': 'used' },
  })
  expect(first.status).toBe(200)
})
afterAll(async () => {
  agent.destroy()
  await bench[Symbol.asyncDispose]()
})

/** One request of the history that a seed is: what it is does not depend on those before it. */
function requestOf(number: number): {
  readonly route: RouteName
  readonly kind: MutationClass
  readonly mutant: Mutant
} {
  const dice = new Dice(seed, number)
  const route = dice.weighted(routeNames.map((name) => [name, weights[name] ?? 4] as const))
  for (;;) {
    const kind = dice.weighted(mutationClasses)
    const mutant = kind.mutate(dice, good[route], tableOf(route))
    if (mutant !== undefined) return { route, kind, mutant }
  }
}

const send = ({ method, path, ...sent }: Mutant): Promise<Answer> => bench.ask(method, path, { ...sent, agent })

/** What is wrong with the answer to a request; nothing if it is as it has to be. */
function verdict(route: RouteName, kind: MutationClass, answer: Answer): string | undefined {
  const operation = operationsOf(document).get(route)
  if (answer.status < 400) {
    if (!kind.mayBeGood) return `it is answered well: ${answer.text.slice(0, 200)}`
    // A word of a path may have made it another route's.
    if (kind.name === 'a word of the path that is another') return undefined
    return operation && faultOf(document, operation, answer)
  }
  const { code, detail, remedy } = problemOf(answer)
  if (detail === '' || remedy === '') return 'it says nothing'
  const described = new Set(errorStatusesOf(tableOf(route)))
  if (kind.codes.length === 0 && answer.status === refusedThough[route]) return undefined
  // What it looks at within a deadline that has passed is not there.
  if (route === 'readyz' && kind.codes.includes('DEADLINE_EXCEEDED') && code === 'STORE_UNREACHABLE') return undefined
  // What is wrong on purpose may be refused for what the good request is refused for.
  const also = new Set([refusedThough[route]])
  if (!codesOf(kind, described).has(code) && !also.has(answer.status)) return `${code}: ${detail}`
  return operation && ![404, 405].includes(answer.status) ? faultOf(document, operation, answer) : undefined
}

test(`${requests} requests of the seed ${seed} are answered as the table says`, { timeout: 120_000 }, async () => {
  const counts = new Map<string, number>()
  const faults: string[] = []
  let next = 0
  const call = async (): Promise<void> => {
    while (next < requests && faults.length < 10) {
      const number = next++
      if (only !== undefined && number !== Number(only)) continue
      const { route, kind, mutant } = requestOf(number)
      const answer = await send(mutant)
      const fault = verdict(route, kind, answer)
      counts.set(kind.name, (counts.get(kind.name) ?? 0) + 1)
      if (fault === undefined && only === undefined) continue
      faults.push(
        `FUZZ_SEED=${seed} FUZZ_ONLY=${number}: ${kind.name} of ${route}: ${String(fault)}\n  ${mutant.method} ${mutant.path.slice(0, 200)} ${JSON.stringify(mutant.headers ?? {})}\n  ${String(mutant.body ?? '').slice(0, 300)}\n  ${answer.status} ${answer.text.slice(0, 300)}`,
      )
    }
  }
  await Promise.all(Array.from({ length: callers }, call))
  process.stderr.write(`fuzz: seed ${seed}, ${next} requests, ${counts.size} classes\n`)
  expect(faults.join('\n\n')).toBe('')
  if (requests >= 10_000) expect([...counts.keys()].sort()).toEqual(mutationClasses.map(([{ name }]) => name).sort())
})

describe('afterwards', () => {
  test.each(routeNames)('a good request of %s is answered as ever', async (name) => {
    const { path, body } = good[name]
    const answer = await send({
      method: tableOf(name).method,
      path,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
    expect([name, answer.status]).toEqual([name, refusedThough[name] ?? tableOf(name).statuses[0]])
  })

  test('the registry is what it was, and no object of JavaScript has changed', async () => {
    expect((await bench.ask('GET', '/v1/registry')).json).toMatchObject({ version: 1 })
    expect(Object.keys(Object.prototype)).toEqual([])
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  test('what is served is what history says', async () => {
    const post = async (path: string, body: object): Promise<unknown> =>
      (await bench.ask('POST', path, { body: stringifyExact(body), headers: { 'content-type': 'application/json' } }))
        .json
    await post('/v1/maintain', {})
    const views = { airport_delays: 'airport', taps_seen: 'driver_id' }
    await post('/v1/materialize?wait=true', { views: Object.keys(views) })
    for (const [view, key] of Object.entries(views)) {
      const asked = { features: view, includeExpired: true }
      const history = (await post('/v1/historical/snapshot', { ...asked, at: today })) as History
      const keys = history.columns[key] ?? []
      expect(keys.length).toBeGreaterThan(0)
      for (let at = 0; at < keys.length; at += smallLimits.batchRows) {
        const entities = keys.slice(at, at + smallLimits.batchRows).map((value) => ({ [key]: value }))
        const { features, rows } = (await post('/v1/online', { ...asked, entities })) as Served
        for (const [i, { values }] of rows.entries())
          expect(values, `${view} ${String(keys[at + i])}`).toEqual(
            features.map((name) => history.columns[name]?.[at + i]),
          )
      }
    }
  })
})

interface History {
  readonly columns: Readonly<Record<string, readonly unknown[]>>
}

interface Served {
  readonly features: readonly string[]
  readonly rows: readonly { readonly values: readonly unknown[] }[]
}
