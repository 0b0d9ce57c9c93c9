import { expect, test } from 'vitest'
import type { WireDefinitions } from '../../src/define/definition.ts'
import { readDefinitions } from '../../src/define/read-definitions.ts'
import { isProvenderError } from '../../src/kernel/errors.ts'

/** Something of every kind. */
const definitions: WireDefinitions = {
  entities: { e: { key: 'string' }, pair: { keys: { a: 'int64', b: 'bytes' } } },
  sources: {
    taken: { type: 'push', timestamp: 'at', schema: { e: 'string', n: 'int64' } },
    counted: { type: 'sql', sql: 'SELECT e, n, at FROM taken', timestamp: 'at' },
    filed: { type: 'parquet', path: 'x.parquet', timestamp: 'at', created: 'made' },
  },
  views: {
    v: {
      description: 'x',
      owner: 'o',
      tags: { tier: 'gold' },
      entities: ['e'],
      source: 'taken',
      ttl: '2d',
      freshness: '1h',
      lateness: '1h',
      online: true,
      features: { n: 'int64', m: { type: 'int64', column: 'n', description: 'y' } },
    },
    w: {
      entities: ['pair'],
      source: 'filed',
      keys: { a: 'x', b: 'y' },
      features: { late: { mean: 'n', window: '3h' } },
    },
  },
  on_demand: { o: { inputs: ['v'], request: { d: 'timestamp' }, features: { p: 'n + 1' } } },
  services: { s: { description: 'x', features: ['v', 'v@other:n'] } },
} as unknown as WireDefinitions

/** What a body in exact JSON may bring. */
const plain: readonly unknown[] = [null, true, '', '\ud800', '\0', -0, 1.5, Infinity, 2n ** 63n, -(2n ** 60n)]
const odd: readonly unknown[] = plain.concat(
  [[], [[]]],
  [[2n ** 60n]],
  {},
  { a: 2n ** 60n },
  JSON.parse('{"__proto__":1}') as unknown,
)

type Steps = readonly (string | number)[]

function* stepsOf(node: unknown, steps: Steps = []): Generator<Steps> {
  if (steps.length > 0) yield steps
  if (typeof node !== 'object' || node === null) return
  for (const [name, member] of Object.entries(node))
    yield* stepsOf(member, [...steps, Array.isArray(node) ? Number(name) : name])
}

function replaced(node: unknown, [step, ...rest]: Steps, value: unknown): unknown {
  const into = (each: unknown, at: string | number): unknown =>
    at === step ? (rest.length === 0 ? value : replaced(each, rest, value)) : each
  if (Array.isArray(node)) return node.map(into)
  return Object.fromEntries(Object.entries(node as object).map(([name, member]) => [name, into(member, name)]))
}

test('whatever value stands anywhere in definitions is right, or told by its place', () => {
  let wrong = 0
  for (const steps of stepsOf(definitions)) {
    for (const value of odd) {
      const { errors } = readDefinitions(replaced(definitions, steps, value) as WireDefinitions)
      wrong += errors.length > 0 ? 1 : 0
      expect(errors.every((error) => isProvenderError(error) && error.message !== '')).toBe(true)
    }
  }
  expect(wrong).toBeGreaterThan(500)
})
