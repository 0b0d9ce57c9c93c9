import { describe, expect, test } from 'vitest'
import { compileReferences, headCatalog } from '../../src/retrieve/catalog.ts'
import { servingCatalog } from '../../src/retrieve/online-plan.ts'
import { sketched, snapshotOf } from '../support/hand-made-snapshot.ts'

const airports = {
  name: 'airport_delays',
  keys: { airport: 'string' },
  features: { delay: 'float64', landed: 'int64' },
} as const
const routes = {
  name: 'routes',
  keys: { origin: 'string', destination: 'string' },
  features: { miles: 'float64', delay: 'float64' },
} as const
const weather = { name: 'weather', keys: {}, features: { rain: 'bool', a__b: 'bool' } } as const
const flights = sketched([airports, routes, weather], {
  model: ['airport_delays@from(airport=origin)', 'routes:miles', 'weather:rain'],
  bad: ['airport_delays', 'routes'],
})

const compile = (references: readonly string[], fullNames = false, definitions = flights) =>
  compileReferences(headCatalog(definitions), references, { fullNames })
const names = (references: readonly string[], fullNames = false): string[] =>
  compile(references, fullNames).outputs.map((o) => o.name)

describe('references', () => {
  test('spread views and services in reference order', () => {
    expect(names(['airport_delays'])).toEqual(['delay', 'landed'])
    expect(names(['airport_delays:landed', 'weather:rain', 'airport_delays:delay'])).toEqual([
      'landed',
      'rain',
      'delay',
    ])
    expect(names(['model'])).toEqual(['from__delay', 'from__landed', 'miles', 'rain'])
    expect(names(['model'], true)).toEqual(['from__delay', 'from__landed', 'routes__miles', 'weather__rain'])
  })

  test('are grouped by use, with the fields that keys come from', () => {
    const { uses, outputs, keyFields } = compile([
      'airport_delays@to(airport=destination)',
      'routes:miles',
      'airport_delays:delay',
    ])
    expect(uses.map((u) => [u.label, u.aliased, u.view.name, u.fields, u.outputs])).toEqual([
      ['to', true, 'airport_delays', ['destination'], [0, 1]],
      ['routes', false, 'routes', ['origin', 'destination'], [2]],
      ['airport_delays', false, 'airport_delays', ['airport'], [3]],
    ])
    expect(outputs.map((o) => [o.name, o.use, o.feature.type])).toEqual([
      ['to__delay', 0, 'float64'],
      ['to__landed', 0, 'int64'],
      ['miles', 1, 'float64'],
      ['delay', 2, 'float64'],
    ])
    expect(keyFields.map((f) => [f.name, f.type, f.label])).toEqual([
      ['destination', 'string', 'to'],
      ['origin', 'string', 'routes'],
      ['airport', 'string', 'airport_delays'],
    ])
  })

  test('to one use may come apart and meet again', () => {
    const { uses } = compile([
      'airport_delays@to(airport=destination):landed',
      'weather:rain',
      'airport_delays@to(airport=destination):delay',
    ])
    expect(uses.map((u) => [u.label, u.outputs])).toEqual([
      ['to', [0, 2]],
      ['weather', [1]],
    ])
  })

  test('that collide name both, whatever the case', () => {
    const collides = (references: readonly string[], both: readonly string[], fullNames = false): void => {
      for (const name of both)
        expect(() => compile(references, fullNames)).toThrow(
          expect.objectContaining({ code: 'NAME_COLLISION', message: expect.stringContaining(name) as string }),
        )
    }
    collides(['airport_delays:delay', 'routes:delay'], ['airport_delays:delay', 'routes:delay'])
    expect(names(['airport_delays:delay', 'routes:delay'], true)).toEqual(['airport_delays__delay', 'routes__delay'])
    collides(['bad'], ['"delay" of "airport_delays"', '"delay" of "routes"'])
    collides(['airport_delays:delay', 'airport_delays:delay'], ['airport_delays:delay'], true)
    collides(['airport_delays', 'airport_delays:delay'], ['"delay" of "airport_delays"', '"airport_delays:delay"'])
    collides(
      ['airport_delays@to(airport=a)', 'airport_delays@to(airport=b)'],
      ['airport_delays@to(airport=a)', 'airport_delays@to(airport=b)'],
    )
    collides(['airport_delays@routes', 'routes'], ['airport_delays@routes', '"routes"'])
    collides(['airport_delays@to(airport=delay):delay', 'routes:delay'], ['the join key "delay" of to', 'routes:delay'])
    collides(['airport_delays@to(airport=DELAY)', 'routes:delay'], ['the join key "DELAY" of to', 'routes:delay'])
    collides(['airport_delays@to(airport=ORIGIN)', 'routes:miles'], ['"ORIGIN" of to', '"origin" of routes'])
    const twoTypes = sketched([airports, { ...routes, keys: { airport: 'int64' } }])
    expect(() => compile(['airport_delays:delay', 'routes:miles'], false, twoTypes)).toThrow(
      /"airport" is string for airport_delays and int64 for routes/,
    )
    const nested = sketched([
      { ...weather, name: 'a', features: { b__c: 'bool' } },
      { ...weather, name: 'a__b', features: { c: 'bool' } },
    ])
    expect(() => compile(['a', 'a__b'], true, nested)).toThrow(expect.objectContaining({ code: 'NAME_COLLISION' }))
  })

  test.each([
    [[], 'BAD_REQUEST', '/features', /view:feature/],
    [['airport delays'], 'BAD_REQUEST', '/features/0', /view@alias/],
    [['weather:rain', 'airport_delay'], 'UNKNOWN_NAME', '/features/1', /Did you mean airport_delays\?/],
    [['modell'], 'UNKNOWN_NAME', '/features/0', /Did you mean model\?/],
    [['airport_delays:dela'], 'UNKNOWN_NAME', '/features/0', /Did you mean airport_delays:delay\?/],
    [['airport_delays@to(airprt=x)'], 'BAD_REQUEST', '/features/0', /Did you mean airport\?/],
    [['risk'], 'UNSUPPORTED', '/features/0', /Leave it out/],
    [['model:miles'], 'BAD_REQUEST', '/features/0', /Name the service alone/],
    [['constructor'], 'UNKNOWN_NAME', '/features/0', /provender ls/],
  ])('%j is %s', (references, code, at, remedy) => {
    expect(() => compile(references)).toThrow(
      expect.objectContaining({ code, at, remedy: expect.stringMatching(remedy) as string }),
    )
  })
})

describe('the views that serve', () => {
  const after = sketched(
    [
      { ...airports, keys: { airport: 'string', terminal: 'int32' }, features: { delay: 'int32', gates: 'int32' } },
      { ...routes, online: false },
      weather,
    ],
    { model: ['airport_delays'] },
  )
  const catalog = servingCatalog(snapshotOf(after, flights))
  const serving = (reference: string) => compileReferences(catalog, [reference], { fullNames: false })

  test('answer by their own whole definition while the new one is being built', () => {
    expect(serving('model').outputs.map((o) => [o.name, o.feature.type])).toEqual([
      ['delay', 'float64'],
      ['landed', 'int64'],
    ])
    expect(serving('airport_delays:landed').keyFields.map((f) => f.name)).toEqual(['airport'])
  })

  test('say what only the new one has: NOT_MATERIALIZED', () => {
    expect(() => serving('airport_delays:gates')).toThrow(
      expect.objectContaining({ code: 'NOT_MATERIALIZED', at: '/features/0' }),
    )
    expect(() => serving('airport_delays@a(terminal=x)')).toThrow(expect.objectContaining({ code: 'NOT_MATERIALIZED' }))
    expect(() => serving('airport_delays:nothing')).toThrow(expect.objectContaining({ code: 'UNKNOWN_NAME' }))
    expect(() => serving('routes')).toThrow(expect.objectContaining({ code: 'NOT_ONLINE' }))
  })
})
