import { type Json, type MutationClass, json, ofBody, plain, smallLimits } from './mutant.ts'
import { brokenBytes, brokenJson, oddJson, strangeNames } from './odd-values.ts'

/** Stands for a JSON text until the body is written: some of them are no values of JavaScript. */
const mark = (text: string): string => `\u0001${Buffer.from(text).toString('base64')}\u0001`
const written = (body: unknown): string =>
  JSON.stringify(body).replaceAll(/"\\u0001([^\\]*)\\u0001"/g, (_, text: string) =>
    Buffer.from(text, 'base64').toString(),
  )

type Steps = readonly (string | number)[]

/** Where all values of a body stand, less the body itself. */
function* stepsOf(node: unknown, steps: Steps = []): Generator<Steps> {
  if (steps.length > 0) yield steps
  if (typeof node !== 'object' || node === null) return
  for (const [name, member] of Object.entries(node))
    yield* stepsOf(member, [...steps, Array.isArray(node) ? Number(name) : name])
}

/** The same body with one value replaced, or taken out where there is none to take its place. */
function replaced(node: unknown, [step, ...rest]: Steps, value: string | undefined): unknown {
  const into = (inner: unknown): unknown => (rest.length === 0 ? value : replaced(inner, rest, value))
  if (Array.isArray(node)) {
    const list = node.map((each: unknown, i) => (i === step ? into(each) : each))
    return rest.length === 0 && value === undefined ? list.filter((_, i) => i !== step) : list
  }
  return Object.fromEntries(
    Object.entries(node as Json)
      .map(([name, member]) => [name, name === step ? into(member) : member] as const)
      .filter(([, member]) => member !== undefined),
  )
}

/** A body with one more member in one of its objects. */
function enlarged(node: unknown, steps: Steps, [name, value]: readonly [string, string]): unknown {
  const [step, ...rest] = steps
  if (Array.isArray(node))
    return node.map((each: unknown, i) => (i === step ? enlarged(each, rest, [name, value]) : each))
  const members = Object.entries(node as Json)
  return Object.fromEntries(
    step === undefined
      ? [...members, [name, value]]
      : members.map(([each, member]) => [each, each === step ? enlarged(member, rest, [name, value]) : member]),
  )
}

const objectsOf = (body: Json): Steps[] =>
  [[], ...stepsOf(body)].filter((steps) => {
    const at = steps.reduce<unknown>((node, step) => (node as Json)[step], body)
    return typeof at === 'object' && at !== null && !Array.isArray(at)
  })

/** Ways to change the body of a request. */
export const bodyClasses: readonly MutationClass[] = [
  {
    name: 'a member missing',
    codes: 'any',
    mayBeGood: true,
    mutate: ofBody((dice, body) => written(replaced(body, dice.pick([...stepsOf(body), []]), undefined))),
  },
  {
    name: 'a value of another kind',
    codes: 'any',
    mayBeGood: true,
    mutate: ofBody((dice, body) => {
      const all = [...stepsOf(body)]
      return all.length === 0 ? dice.pick(oddJson) : written(replaced(body, dice.pick(all), mark(dice.pick(oddJson))))
    }),
  },
  {
    name: 'an unknown member',
    codes: ['UNKNOWN_MEMBER'],
    mayBeGood: false,
    mutate: ofBody((dice, body) => written(enlarged(body, [], [dice.pick(strangeNames), mark(dice.pick(oddJson))]))),
  },
  {
    name: 'a member more, anywhere',
    codes: 'any',
    mayBeGood: true,
    mutate: ofBody((dice, body) =>
      written(
        enlarged(body, dice.pick(objectsOf(body)), [
          dice.pick([...strangeNames, '__proto__']),
          mark(dice.pick(oddJson)),
        ]),
      ),
    ),
  },
  {
    name: 'a member twice',
    codes: 'any',
    mayBeGood: true,
    mutate: ofBody((dice, body) => {
      const names = Object.keys(body)
      const name = names.length === 0 ? 'x' : dice.pick(names)
      return `${JSON.stringify(body).slice(0, -1)}${names.length === 0 ? '' : ','}${JSON.stringify(name)}:${dice.pick(oddJson)}}`
    }),
  },
  { name: 'broken JSON', codes: ['BAD_REQUEST'], mayBeGood: false, mutate: ofBody((dice) => dice.pick(brokenJson)) },
  {
    name: 'JSON that ends early',
    codes: ['BAD_REQUEST'],
    mayBeGood: false,
    mutate: ofBody((dice, body) => {
      const text = JSON.stringify(body)
      return text.slice(0, 1 + dice.below(text.length - 1))
    }),
  },
  { name: 'no UTF-8', codes: ['BAD_REQUEST'], mayBeGood: false, mutate: ofBody((dice) => dice.pick(brokenBytes)) },
  {
    name: 'too deep',
    codes: ['BAD_REQUEST'],
    mayBeGood: false,
    mutate: ofBody((dice) => {
      const levels = smallLimits.jsonDepth + 1 + dice.below(2000)
      return dice.pick([
        `${'['.repeat(levels)}${']'.repeat(levels)}`,
        `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`,
      ])
    }),
  },
  {
    name: 'too large',
    codes: ['PAYLOAD_TOO_LARGE'],
    mayBeGood: false,
    mutate: ofBody(
      (dice, body) => `${JSON.stringify(body)}${' '.repeat(smallLimits.jsonBodyBytes + dice.below(1000))}`,
    ),
  },
  {
    name: 'no object',
    codes: ['BAD_REQUEST'],
    mayBeGood: false,
    mutate: ofBody((dice) => dice.pick(['null', '5', '"x"', '[]', 'true', '[{}]'])),
  },
  {
    name: 'an empty body',
    codes: ['BAD_REQUEST'],
    mayBeGood: true,
    mutate: (_, good, route) => (good.body === undefined ? undefined : { method: route.method, path: good.path }),
  },
  {
    name: 'a body where none is taken',
    codes: ['BAD_REQUEST'],
    mayBeGood: false,
    mutate: (dice, good, route) =>
      route.accepts.length > 0 ? undefined : { ...plain(good, route), headers: json, body: dice.pick(oddJson) },
  },
]

/** Too many rows or entities for one call. */
export const manyRows: MutationClass = {
  name: 'too many rows',
  codes: ['PAYLOAD_TOO_LARGE'],
  mayBeGood: false,
  mutate: (dice, good, route) => {
    const many = smallLimits.batchRows + 1 + dice.below(20)
    if (route.path === '/v1/push/{target}')
      return {
        ...plain(good, route),
        body: JSON.stringify({ rows: Array(many).fill(dice.pick([null, {}, { driver_id: 1 }])) }),
      }
    if (route.path !== '/v1/online' || route.method !== 'POST') return undefined
    const entities = dice.pick([Array(many).fill({ airport: 'ORD' }), { airport: Array(many).fill('ORD') }])
    return { ...plain(good, route), body: JSON.stringify({ features: 'airport_delays', entities }) }
  },
}
