import { describe, expect, test } from 'vitest'
import type { Definitions } from '../../src/define/definition.ts'
import { resolveView } from '../../src/define/resolved-view.ts'
import { switched } from '../../src/decide/attempt.ts'
import { type Generations, noGenerations } from '../../src/decide/generations.ts'
import { bornSince, generationsAfter, outcomeOf } from '../../src/decide/generations-after.ts'
import { entities, smallDefinitions, sources, view } from '../support/small-definitions.ts'

/** A view's history: every version applied, by its definitions or, of the view alone, by its body (null = removed). */
class History {
  readonly versions: Definitions[] = []
  at = 1_000_000n
  nowMs = 1000
  state: Generations = noGenerations

  apply(next: Definitions): this {
    this.versions.push(next)
    this.at += 10n
    this.nowMs += 1000
    this.state = generationsAfter(this.state, {
      view: this.viewBy(this.versions.length),
      storedBy: (version) => this.viewBy(version),
      version: this.versions.length,
      at: this.at,
      nowMs: this.nowMs,
    })
    return this
  }

  view(body: Readonly<Record<string, unknown>> | null): this {
    return this.apply(smallDefinitions({ views: body === null ? {} : { delays: body } }))
  }

  switch(): this {
    this.state = switched(this.state, this.nowMs)
    return this
  }

  private viewBy(version: number): ReturnType<typeof resolveView> | null {
    const definitions = this.versions[version - 1]
    const found = definitions?.views.get('delays')
    return definitions === undefined || found === undefined ? null : resolveView(definitions, found)
  }
}

const first = 1_000_010n
const born = { generation: first, revision: first, definition: 1, bornAtMs: 2000 }

describe('a view’s first generation', () => {
  test('serves from birth, named by the instant', () => {
    const { state } = new History().view(view())
    expect(state).toEqual({ ...noGenerations, serving: born })
    expect([outcomeOf(noGenerations, state), bornSince(noGenerations, state)]).toEqual(['born', [born]])
  })

  test('is not born while the view is not online', () => {
    const history = new History().view(view({ online: false }))
    expect(history.state).toEqual(noGenerations)
    expect(history.view(view()).state.serving).toEqual({
      ...born,
      generation: 1_000_020n,
      revision: 1_000_020n,
      definition: 2,
      bornAtMs: 3000,
    })
  })
})

describe('what changes nothing stored: the serving generation answers by the new version', () => {
  const changes: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    'nothing at all': {},
    description: { description: 'How late' },
    owner: { owner: 'ops' },
    tags: { tags: { tier: 'gold' } },
    freshness: { freshness: '1h' },
    lateness: { lateness: '1h' },
    'a lowered ttl': { ttl: '1d' },
    'a key mapping that says what was so': { keys: { airport: 'airport' } },
    'the last feature removed': { features: { delay: 'int32' } },
  }
  for (const [name, change] of Object.entries(changes)) {
    test(name, () => {
      const history = new History().view(view())
      const before = history.state
      const { state } = history.view(view(change))
      expect(state).toEqual({ ...noGenerations, serving: { ...born, definition: 2 } })
      expect([outcomeOf(before, state), bornSince(before, state)]).toEqual(['none', []])
    })
  }

  test('a column added to the schema of a push source', () => {
    const push = { delays: view({ source: 'taps' }) }
    const wider = {
      ...sources,
      taps: {
        type: 'push',
        schema: { airport: 'string', delay: 'int32', miles: 'float64', gate: 'string' },
        timestamp: 'at',
      },
    }
    const { state } = new History()
      .apply(smallDefinitions({ views: push }))
      .apply(smallDefinitions({ views: push, sources: wider }))
    expect(state.serving).toEqual({ ...born, definition: 2 })
  })

  test('features of a push source in another order: pushed rows carry what settles ties', () => {
    const { state } = new History()
      .view(view({ source: 'taps' }))
      .view(view({ source: 'taps', features: { miles: 'float64', delay: 'int32' } }))
    expect(state.serving).toEqual({ ...born, definition: 2 })
  })
})

describe('what starts a revision: the same rows go on serving', () => {
  const changes: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    'a feature added last': { features: { delay: 'int32', miles: 'float64', gate: 'string' } },
    'a feature added first': { features: { gate: 'string', delay: 'int32', miles: 'float64' } },
    'a raised ttl': { ttl: '3d' },
    'a ttl removed': { ttl: '0' },
    'a feature removed that settled ties': { features: { miles: 'float64' } },
    'features in another order': { features: { miles: 'float64', delay: 'int32' } },
  }
  for (const [name, change] of Object.entries(changes)) {
    test(name, () => {
      const history = new History().view(view())
      const before = history.state
      const { state } = history.view(view(change))
      expect(state).toEqual({ ...noGenerations, serving: { ...born, revision: 1_000_020n, definition: 2 } })
      expect([outcomeOf(before, state), bornSince(before, state)]).toEqual(['revision', []])
    })
  }

  test('a removed feature that is added again', () => {
    const { state } = new History()
      .view(view())
      .view(view({ features: { delay: 'int32' } }))
      .view(view())
    expect(state.serving).toEqual({ ...born, revision: 1_000_030n, definition: 3 })
  })
})

describe('what builds another generation while the first serves by its own definition', () => {
  const changes: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    'another entity': { entities: ['route'] },
    'another key mapping': { keys: { airport: 'origin' } },
    'another source': { source: 'taps' },
    'another type': { features: { delay: 'int64', miles: 'float64' } },
    'another column': { features: { delay: { type: 'int32', column: 'late' }, miles: 'float64' } },
  }
  for (const [name, change] of Object.entries(changes)) {
    test(name, () => {
      const history = new History().view(view())
      const before = history.state
      const { state } = history.view(view(change))
      const building = { generation: 1_000_020n, revision: 1_000_020n, definition: 2, bornAtMs: 3000 }
      expect(state).toEqual({ ...noGenerations, serving: born, building })
      expect([outcomeOf(before, state), bornSince(before, state)]).toEqual(['generation', [building]])
    })
  }

  const others: Readonly<Record<string, Definitions>> = {
    'the path of its source': smallDefinitions({
      sources: { ...sources, flights: { ...sources.flights, path: 'other.parquet' } },
    }),
    'the event time of its source': smallDefinitions({
      sources: { ...sources, flights: { ...sources.flights, timestamp: 'left_at' } },
    }),
    'the created time of its source': smallDefinitions({
      sources: { ...sources, flights: { type: 'parquet', path: 'flights.parquet', timestamp: 'landed_at' } },
    }),
    'the type of a join key': smallDefinitions({ entities: { ...entities, airport: { key: 'int64' } } }),
  }
  for (const [name, definitions] of Object.entries(others)) {
    test(name, () => {
      const { state } = new History().view(view()).apply(definitions)
      expect([state.serving, state.building?.generation]).toEqual([born, 1_000_020n])
    })
  }

  test('a further change of meaning replaces the one being built; smaller ones go to it, and not to the serving one', () => {
    const history = new History()
      .view(view())
      .view(view({ source: 'taps' }))
      .view(view({ source: 'taps', ttl: '9d' }))
    expect(history.state.building).toEqual({
      generation: 1_000_020n,
      revision: 1_000_030n,
      definition: 3,
      bornAtMs: 3000,
    })
    history.view(view({ source: 'taps', ttl: '9d', keys: { airport: 'origin' } }))
    expect(history.state.building?.generation).toBe(1_000_040n)
    expect(history.state.replaced.map((each) => [each.generation, each.replacedAtMs])).toEqual([[1_000_020n, 5000]])
    expect(history.state.serving).toEqual(born)
  })
})

describe('going back', () => {
  test('before the switch: the serving generation goes on, the one being built is replaced', () => {
    const history = new History().view(view()).view(view({ source: 'taps' }))
    const before = history.state
    const { state } = history.view(view({ owner: 'ops' }))
    expect(state).toEqual({
      ...noGenerations,
      serving: { ...born, definition: 3 },
      replaced: [{ generation: 1_000_020n, revision: 1_000_020n, definition: 2, bornAtMs: 3000, replacedAtMs: 4000 }],
    })
    expect(outcomeOf(before, state)).toBe('resumed')
  })

  test('after the switch, while the rows are there: the replaced generation is the one being built, born now', () => {
    const history = new History()
      .view(view())
      .view(view({ source: 'taps' }))
      .switch()
    const before = history.state
    const { state } = history.view(view())
    expect(state.building).toEqual({ ...born, definition: 3, bornAtMs: 4000 })
    expect([state.serving?.generation, state.replaced]).toEqual([1_000_020n, []])
    expect([outcomeOf(before, state), bornSince(before, state)]).toEqual(['revived', []])
  })

  test('… in a new revision if it has to hold more than it did', () => {
    const { state } = new History()
      .view(view())
      .view(view({ source: 'taps' }))
      .switch()
      .view(view({ ttl: '9d' }))
    expect(state.building).toEqual({ ...born, revision: 1_000_030n, definition: 3, bornAtMs: 4000 })
  })

  test('later than its rows are kept: a new generation', () => {
    const history = new History()
      .view(view())
      .view(view({ source: 'taps' }))
      .switch()
    history.nowMs += 600_000
    const { state } = history.view(view())
    expect(state.building?.generation).toBe(1_000_030n)
    expect(state.replaced.map((each) => each.generation)).toEqual([first])
  })
})

describe('a view that goes', () => {
  test('removed: nothing serves, and since when is known', () => {
    const history = new History().view(view()).view(view({ source: 'taps' }))
    const before = history.state
    const { state } = history.view(null)
    expect([state.serving, state.building, state.removedAtMs]).toEqual([null, null, 4000])
    expect(state.replaced.map((each) => each.generation)).toEqual([1_000_020n, first])
    expect(outcomeOf(before, state)).toBe('removed')
    expect(history.apply(smallDefinitions({ views: {} })).state).toBe(state)
  })

  test('added again: a new generation that serves from birth, whatever is still there', () => {
    const { state } = new History().view(view()).view(null).view(view())
    expect(state.serving).toEqual({ generation: 1_000_030n, revision: 1_000_030n, definition: 3, bornAtMs: 4000 })
    expect([state.removedAtMs, state.replaced.map((each) => each.generation)]).toEqual([null, [first]])
  })

  test('no longer online: nothing serves, and the view is not removed', () => {
    const history = new History().view(view())
    const before = history.state
    const { state } = history.view(view({ online: false }))
    expect([state.serving, state.removedAtMs, state.replaced.length]).toEqual([null, null, 1])
    expect(outcomeOf(before, state)).toBe('withdrawn')
  })

  test('a removed view that was not online is removed too', () => {
    expect(new History().view(view({ online: false })).view(null).state.removedAtMs).toBe(3000)
  })
})

test('an instant that names one already is not taken again, though the clock stands still', () => {
  const history = new History()
  for (const source of ['flights', 'taps', 'flights', 'taps']) {
    history.at = 1_000_000n
    history.view(view({ source, keys: { airport: `column_${history.versions.length}` } }))
  }
  const names = [history.state.serving, history.state.building, ...history.state.replaced].map(
    (each) => each?.generation,
  )
  expect(names).toEqual([first, first + 3n, first + 2n, first + 1n])
})
