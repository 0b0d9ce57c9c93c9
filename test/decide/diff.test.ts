import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { noDefinitions } from '../../src/define/definition.ts'
import { wireText } from '../../src/define/wire.ts'
import { type DefinitionChange, diffDefinitions } from '../../src/decide/diff.ts'
import { entities, smallDefinitions, sources, view } from '../support/small-definitions.ts'

const service = (...features: string[]): Readonly<Record<string, unknown>> => ({ features })
const services = { model: service('delays:delay'), other: service('delays@to(airport=destination)') }
const base = smallDefinitions({ services })
type Parts = NonNullable<Parameters<typeof smallDefinitions>[0]>

/** The one change from the base. */
function only(parts: Parts): DefinitionChange {
  const changes = diffDefinitions(base, smallDefinitions({ services, ...parts }))
  expect(changes.length).toBe(1)
  const [change] = changes
  if (change === undefined) throw new Error('nothing changed')
  return change
}

const delays = (parts: Readonly<Record<string, unknown>>): Parts => ({ views: { delays: view(parts) } })

test('equal definitions do not differ', () => {
  expect(diffDefinitions(base, smallDefinitions({ services }))).toEqual([])
})

test('what is there first is all added, kind by kind, and breaks nothing', () => {
  const changes = diffDefinitions(noDefinitions, base)
  expect(changes.map(({ action, kind, name, breaking, fields }) => [action, kind, name, breaking, fields])).toEqual([
    ['add', 'entity', 'airport', false, undefined],
    ['add', 'entity', 'route', false, undefined],
    ['add', 'source', 'flights', false, undefined],
    ['add', 'source', 'taps', false, undefined],
    ['add', 'view', 'delays', false, undefined],
    ['add', 'service', 'model', false, undefined],
    ['add', 'service', 'other', false, undefined],
  ])
  expect(changes[4]?.consequence).toBe('A new view: it serves from now on, empty until the next materialization.')
})

describe('a view', () => {
  test('with a new feature', () => {
    expect(
      only(delays({ features: { delay: 'int32', miles: 'float64', gate: { type: 'string', column: 'Gate' } } })),
    ).toEqual({
      action: 'change',
      kind: 'view',
      name: 'delays',
      breaking: false,
      fields: [{ path: 'features.gate', to: { type: 'string', column: 'Gate' } }],
      consequence:
        'Stored rows go on serving with gate null, until the next materialization reads all rows again. Read by the services model and other.',
    })
  })

  test('without a feature that a service reads', () => {
    const { breaking, fields, consequence } = only(delays({ features: { delay: 'int32' } }))
    expect([breaking, fields]).toEqual([true, [{ path: 'features.miles', from: 'float64' }]])
    expect(consequence).toBe('Nothing stored changes. This breaks the service other.')
  })

  test('with a feature of another type', () => {
    const { breaking, fields, consequence } = only(delays({ features: { delay: 'int64', miles: 'float64' } }))
    expect([breaking, fields]).toEqual([true, [{ path: 'features.delay.type', from: 'int32', to: 'int64' }]])
    expect(consequence).toBe(
      'Stored values would mean something else (delay is int64 instead of int32), so the next materialization builds a new generation while the present one serves. This breaks the services model and other.',
    )
  })

  test('with a feature from another column', () => {
    const { breaking, fields } = only(
      delays({ features: { delay: { type: 'int32', column: 'late' }, miles: 'float64' } }),
    )
    expect([breaking, fields]).toEqual([true, [{ path: 'features.delay.column', to: 'late' }]])
  })

  test('with features in another order', () => {
    const { breaking, fields } = only(delays({ features: { miles: 'float64', delay: 'int32' } }))
    expect([breaking, fields]).toEqual([
      false,
      [{ path: 'features', from: ['delay', 'miles'], to: ['miles', 'delay'] }],
    ])
  })

  test('with what people say about it', () => {
    const { breaking, fields, consequence } = only(delays({ owner: 'ops', tags: { 'a.b': 'c' }, freshness: '1h' }))
    expect([breaking, fields]).toEqual([
      false,
      [
        { path: 'freshness', to: '1h' },
        { path: 'owner', to: 'ops' },
        { path: 'tags', to: { 'a.b': 'c' } },
      ],
    ])
    expect(consequence).toBe('Nothing stored changes. Read by the services model and other.')
  })

  test('with a longer, a shorter, no ttl', () => {
    expect(only(delays({ ttl: '3d' })).consequence).toContain('reads all rows again')
    expect(only(delays({ ttl: '1d' })).consequence).toContain('Nothing stored changes')
    expect(only(delays({ ttl: '0' })).fields).toEqual([{ path: 'ttl', from: '2d' }])
  })

  test('of another entity', () => {
    const { breaking, consequence } = only(delays({ entities: ['route'] }))
    expect([breaking, consequence]).toEqual([true, expect.stringContaining('(other keys)')])
  })

  test('no longer online', () => {
    const { breaking, fields, consequence } = only(delays({ online: false }))
    expect([breaking, fields]).toEqual([true, [{ path: 'online', to: false }]])
    expect(consequence).toContain('no longer served online')
  })

  test('that goes, with the services that read it', () => {
    const changes = diffDefinitions(base, smallDefinitions({ views: {}, services: {} }))
    expect(changes.map(({ action, name, breaking }) => [action, name, breaking])).toEqual([
      ['remove', 'delays', true],
      ['remove', 'model', true],
      ['remove', 'other', true],
    ])
  })

  test('that goes and that nothing reads', () => {
    const [change] = diffDefinitions(smallDefinitions(), smallDefinitions({ views: {} }))
    expect([change?.action, change?.breaking]).toEqual(['remove', false])
    expect(change?.consequence).toBe(
      'It serves no longer: its rows are freed after 10 minutes, rows that were pushed to it are kept for 30 days.',
    )
  })

  test('with what is known of its generations and its size', () => {
    const after = smallDefinitions({ views: { delays: view({ source: 'taps' }) } })
    const backfills = new Map([
      ['delays', { rows: 5_819_811, covered: [{ start: null, end: 1_767_225_600_000_000n }] }],
    ])
    expect(diffDefinitions(smallDefinitions(), after, { backfills })[0]?.consequence).toBe(
      'Stored values would mean something else (another source), so the next materialization builds a new generation (about 5,819,811 rows, up to 2026-01-01T00:00:00Z) while the present one serves.',
    )
    expect(
      diffDefinitions(smallDefinitions(), after, { outcomes: new Map([['delays', 'resumed']]) })[0]?.consequence,
    ).toContain('given up')
  })
})

describe('what lies below views', () => {
  test('a source with another path', () => {
    const { kind, breaking, fields, consequence } = only({
      sources: { ...sources, flights: { ...sources.flights, path: 'all/*.parquet' } },
    })
    expect([kind, breaking, fields]).toEqual([
      'source',
      true,
      [{ path: 'path', from: 'flights.parquet', to: 'all/*.parquet' }],
    ])
    expect(consequence).toBe(
      'Values of delays mean something else from now on: the next materialization of delays builds a new generation while the present one serves. This breaks the services model and other.',
    )
  })

  test('a source that only a query reads', () => {
    const hourly = { type: 'sql', sql: 'select * from flights', timestamp: 'at' }
    const queried = (path: string): Parts => ({
      services,
      sources: { ...sources, hourly, flights: { ...sources.flights, path } },
      views: { delays: view({ source: 'hourly' }) },
    })
    const [change] = diffDefinitions(smallDefinitions(queried('a.parquet')), smallDefinitions(queried('b.parquet')))
    expect([change?.name, change?.breaking]).toEqual(['flights', true])
  })

  test('a source with a wider schema, and a new one', () => {
    const wider = { ...sources.taps, schema: { ...sources.taps.schema, gate: 'string' } }
    expect(only({ sources: { ...sources, taps: wider } })).toMatchObject({
      breaking: false,
      fields: [{ path: 'schema.gate', to: 'string' }],
      consequence: 'Nothing stored changes.',
    })
    expect(only({ sources: { ...sources, more: sources.flights } })).toMatchObject({ action: 'add', breaking: false })
  })

  test('an entity with a key of another type, and one with another order of its keys', () => {
    const retyped = only({ entities: { ...entities, airport: { key: 'int64' } } })
    expect([retyped.breaking, retyped.fields]).toEqual([true, [{ path: 'keys.airport', from: 'string', to: 'int64' }]])
    const { breaking, fields } = only({
      entities: { ...entities, route: { keys: { destination: 'string', origin: 'string' } } },
    })
    expect([breaking, fields]).toEqual([
      false,
      [{ path: 'keys', from: ['origin', 'destination'], to: ['destination', 'origin'] }],
    ])
  })
})

describe('a service', () => {
  test('with more', () => {
    const { breaking, fields, consequence } = only({
      services: { ...services, model: service('delays:delay', 'delays:miles') },
    })
    expect([breaking, fields]).toEqual([
      false,
      [{ path: 'features', from: ['delays:delay'], to: ['delays:delay', 'delays:miles'] }],
    ])
    expect(consequence).toBe('Its readers get miles too; nothing stored changes.')
  })

  test('with less, and with something else under the same name', () => {
    expect(only({ services: { ...services, other: service('delays@to(airport=destination):delay') } })).toMatchObject({
      breaking: true,
      consequence: 'Its readers lose to__miles; nothing stored changes.',
    })
    expect(only({ services: { ...services, other: service('delays@to(airport=origin)') } })).toMatchObject({
      breaking: true,
      consequence: 'Read from elsewhere now: to__delay and to__miles; nothing stored changes.',
    })
  })

  test('that is written in another way', () => {
    expect(
      only({
        services: {
          ...services,
          other: service('delays@to(airport=destination):delay', 'delays@to(airport=destination):miles'),
        },
      }),
    ).toMatchObject({ breaking: false, consequence: 'Nothing stored changes.' })
  })
})

test('definitions differ if and only if their wire forms do', () => {
  const features = fc
    .shuffledSubarray(['delay', 'miles', 'gate'], { minLength: 1 })
    .chain((names) =>
      fc
        .tuple(...names.map((name) => fc.constantFrom([name, 'int32'] as const, [name, 'int64'] as const)))
        .map((entries) => Object.fromEntries(entries)),
    )
  const keys = fc.constantFrom(
    { key: 'string' },
    { key: { code: 'string' } },
    { keys: { a: 'string', b: 'int64' } },
    { keys: { b: 'int64', a: 'string' } },
  )
  const notes = fc.record(
    {
      owner: fc.constantFrom('ops', 'ml'),
      tags: fc.constantFrom({ a: 'b' }, { a: 'c', d: 'e' }),
      ttl: fc.constantFrom('1d', '2d'),
    },
    { requiredKeys: [] },
  )
  const definitions = fc.record({ features, keys, notes }).map((some) =>
    smallDefinitions({
      entities: { airport: some.keys },
      views: { delays: view({ features: some.features, ...some.notes }) },
    }),
  )
  fc.assert(
    fc.property(definitions, definitions, (from, to) => {
      const changes = diffDefinitions(from, to)
      expect(changes.length === 0).toBe(wireText(from) === wireText(to))
      expect(changes.every((change) => change.action === 'change' && (change.fields?.length ?? 0) > 0)).toBe(true)
    }),
    { numRuns: 300 },
  )
})
