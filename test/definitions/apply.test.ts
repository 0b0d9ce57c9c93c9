import { describe, expect, onTestFinished, test } from 'vitest'
import { isProvenderError, type ProvenderError } from '../../src/kernel/errors.ts'
import { noDefinitions } from '../../src/define/definition.ts'
import { wireText } from '../../src/define/wire.ts'
import { apply } from '../../src/definitions/apply.ts'
import { diffVersions, readVersion, versions } from '../../src/definitions/history.ts'
import { plan } from '../../src/definitions/plan.ts'
import { rollback } from '../../src/definitions/rollback.ts'
import { noGenerations } from '../../src/decide/generations.ts'
import { noProgress } from '../../src/decide/progress.ts'
import { flightsFile, openWorld, type World, worldStart } from '../support/definitions-world.ts'
import { smallDefinitions, sources, view } from '../support/small-definitions.ts'

const author = { author: 'ada' }
const services = { model: { features: ['delays'] } }
const first = smallDefinitions({ services })
const renamedColumn = smallDefinitions({
  services,
  views: { delays: view({ features: { delay: 'int32', miles: { type: 'float64', column: 'delay' } } }) },
})
const owned = (owner: string): typeof first => smallDefinitions({ services, views: { delays: view({ owner }) } })

async function failureOf(work: Promise<unknown>): Promise<ProvenderError> {
  try {
    await work
  } catch (thrown) {
    if (isProvenderError(thrown)) return thrown
    throw thrown
  }
  throw new Error('nothing failed')
}

function newWorld(metadata: 'memory' | 'sqlite'): World {
  const world = openWorld(metadata)
  onTestFinished(() => world[Symbol.asyncDispose]())
  return world
}

describe.each(['memory', 'sqlite'] as const)('with metadata in %s', (metadata) => {
  test('a plan tells what an apply does, and does nothing', async () => {
    const here = await newWorld(metadata).open()
    const planned = await plan(here, first)
    expect(planned.version).toBe(0)
    expect((await here.snapshots.fresh()).version).toBe(0)
    const applied = await apply(here, first, author)
    expect(applied).toEqual({ version: 1, changes: planned.changes })
    expect(applied.changes.find(({ kind }) => kind === 'view')?.consequence).toBe(
      'A new view: it serves from now on, empty until the next materialization (about 1 row).',
    )
  })

  test('the same definitions again change nothing and commit nothing', async () => {
    const here = await newWorld(metadata).open()
    await apply(here, first, author)
    const before = await here.registry.snapshot()
    here.offline.files.set('flights', [flightsFile({ delay: 'string' })])
    expect(await apply(here, first, author)).toEqual({ version: 1, changes: [] })
    expect(await here.registry.snapshot(before?.token)).toBe(null)
    expect((await versions(here, 10)).length).toBe(1)
  })

  test('a view’s first generation serves, and is born in the online store with all of the log before it', async () => {
    const here = await newWorld(metadata).open()
    await apply(here, first, { ...author, message: 'begin' })
    const seen = (await here.snapshots.current()).views.get('delays')
    expect(seen?.serving).toMatchObject({ generation: worldStart, revision: worldStart, definition: 1 })
    const [marks] = await here.marks.readMarks([{ view: 'delays', generation: worldStart }])
    expect([marks?.cursor, marks?.stamp]).toEqual([0n, { attempt: 0n, state: 'done' }])
    expect(await versions(here, 10)).toEqual([
      { version: 1, parent: 0, createdAt: '2026-01-01T00:00:00Z', author: 'ada', message: 'begin', changes: 6 },
    ])
  })

  test('while a change of meaning is built, the older definition serves', async () => {
    const world = newWorld(metadata)
    const here = await world.open()
    await apply(here, first, author)
    const breaking = await failureOf(apply(here, renamedColumn, author))
    expect([breaking.code, breaking.message]).toEqual(['BREAKING_CHANGE', expect.stringContaining('service model')])
    world.clock.set(worldStart + 5n)
    expect((await apply(here, renamedColumn, { ...author, allowBreaking: true })).version).toBe(2)
    const seen = (await here.snapshots.current()).views.get('delays')
    expect([seen?.serving?.definition, seen?.serving?.resolved.features[1]?.column]).toEqual([1, 'miles'])
    expect([seen?.building?.generation, seen?.building?.resolved.features[1]?.column]).toEqual([
      worldStart + 5n,
      'delay',
    ])
    expect((await here.marks.readMarks([{ view: 'delays', generation: worldStart + 5n }]))[0]?.stamp).toEqual({
      attempt: 0n,
      state: 'done',
    })
  })

  test('every breaking change is told at once', async () => {
    const here = await newWorld(metadata).open()
    await apply(here, first, author)
    const failure = await failureOf(apply(here, smallDefinitions({ views: {} }), author))
    expect([failure.code, failure.errors.map((error) => error.message.split(':')[0])]).toEqual([
      'BREAKING_CHANGE',
      ['view delays', 'service model'],
    ])
    expect((await here.snapshots.fresh()).version).toBe(1)
  })

  test('who planned on a version that is not the head is told who won', async () => {
    const here = await newWorld(metadata).open()
    await apply(here, first, author)
    await apply(here, owned('ops'), { author: 'grace' })
    for (const parentVersion of [0, 1, 3]) {
      const failure = await failureOf(apply(here, owned('ml'), { ...author, parentVersion }))
      expect([failure.code, failure.message]).toEqual([
        'REGISTRY_CONFLICT',
        expect.stringContaining('Version 2 is the head, applied by grace'),
      ])
      expect((await failureOf(plan(here, owned('ml'), { parentVersion }))).code).toBe('REGISTRY_CONFLICT')
    }
    expect((await apply(here, owned('ml'), { ...author, parentVersion: 2 })).version).toBe(3)
  })

  test('of appliers at once one wins, the others are told, and those who want the same are content', async () => {
    const world = newWorld(metadata)
    const here = await world.open()
    await apply(here, first, author)
    const others = await Promise.all(Array.from({ length: 6 }, () => world.open()))
    const ends = await Promise.allSettled(
      others.map((other, i) => apply(other, owned(`owner${i % 3}`), { author: `owner${i % 3}` })),
    )
    const head = await readVersion(here)
    expect(head.version).toBe(2)
    for (const [i, end] of ends.entries()) {
      if (`owner${i % 3}` === head.author) expect(end).toMatchObject({ status: 'fulfilled', value: { version: 2 } })
      else expect(end).toMatchObject({ status: 'rejected', reason: { code: 'REGISTRY_CONFLICT' } })
    }
  })

  test('a run that writes meanwhile does not stop an apply, and keeps what it wrote', async () => {
    const world = newWorld(metadata)
    const here = await world.open()
    const runner = await world.open()
    await apply(here, first, author)
    let writes = 0
    const between = {
      ...here,
      marks: {
        birth: async (...asked: Parameters<typeof here.marks.birth>) => {
          if (writes < 3) {
            writes += 1
            const { version, value } = await runner.runLog.readState('delays')
            const state = {
              generations: value?.generations ?? noGenerations,
              progress: { ...noProgress, lastAttempt: BigInt(writes) },
            }
            await runner.runLog.writeState('delays', { expect: version, value: state, at: worldStart })
          }
          return here.marks.birth(...asked)
        },
      },
    }
    expect((await apply(between, renamedColumn, { ...author, allowBreaking: true })).version).toBe(2)
    const { value } = await here.runLog.readState('delays')
    expect([writes, value?.progress.lastAttempt, value?.generations.building?.definition]).toEqual([3, 3n, 2])
  })

  test('an apply that the clock overtakes takes a new instant', async () => {
    const world = newWorld(metadata)
    const here = await world.open()
    let slow = 2
    const late = {
      ...here,
      marks: {
        birth: (...asked: Parameters<typeof here.marks.birth>) => {
          if (slow-- > 0) world.clock.set(world.clock.now() + 1_500_000n)
          return here.marks.birth(...asked)
        },
      },
    }
    await apply(late, first, author)
    expect((await here.snapshots.current()).views.get('delays')?.serving?.generation).toBe(worldStart + 3_000_000n)
  })

  test('a rollback is a new version equal to the old, by the rules of apply, and brings back rows that are still there', async () => {
    const world = newWorld(metadata)
    const here = await world.open()
    await apply(here, first, author)
    world.clock.set(worldStart + 5n)
    await apply(here, renamedColumn, { ...author, allowBreaking: true })
    expect((await failureOf(rollback(here, 1, author))).code).toBe('BREAKING_CHANGE')
    const back = await rollback(here, 1, { ...author, allowBreaking: true })
    expect([back.version, back.changes[0]?.consequence]).toEqual([3, expect.stringContaining('given up')])
    const seen = await here.snapshots.current()
    expect(wireText(seen.definitions)).toBe(wireText(first))
    expect([seen.views.get('delays')?.serving?.generation, seen.views.get('delays')?.building]).toEqual([
      worldStart,
      null,
    ])
    expect((await versions(here, 1))[0]).toMatchObject({ version: 3, parent: 2, message: 'Roll back to version 1' })
    expect((await failureOf(rollback(here, 9, author))).message).toBe('The registry has no version 9; the newest is 3')
  })

  test('versions differ as an apply of one on the other says', async () => {
    const here = await newWorld(metadata).open()
    await apply(here, first, author)
    await apply(here, owned('ops'), author)
    expect(await diffVersions(here, { from: 1 })).toMatchObject({
      from: 1,
      to: 2,
      changes: [{ name: 'delays', fields: [{ path: 'owner', to: 'ops' }] }],
    })
    expect((await diffVersions(here, { from: 2, to: 1 })).changes[0]?.fields).toEqual([{ path: 'owner', from: 'ops' }])
    expect((await diffVersions(here, { from: 0, to: 1 })).changes.length).toBe(6)
    expect((await readVersion(here, 1)).definitions).toEqual(JSON.parse(wireText(first)))
    expect((await readVersion(here, 0)).version).toBe(0)
    expect((await failureOf(readVersion(here, 7))).code).toBe('UNKNOWN_VERSION')
  })

  test('a removed view is remembered, and is another generation when it is added again', async () => {
    const world = newWorld(metadata)
    const here = await world.open()
    await apply(here, smallDefinitions(), author)
    await apply(here, noDefinitions, author)
    const gone = (await here.snapshots.current()).views.get('delays')
    expect([gone?.head, gone?.serving, gone?.replaced.length]).toEqual([null, null, 1])
    await apply(here, smallDefinitions(), author)
    expect((await here.snapshots.current()).views.get('delays')?.serving?.generation).toBe(worldStart + 1n)
  })
})

describe('sources that do not fit', () => {
  test('a missing column and another type name source, file, column and both types, all at once', async () => {
    const here = await newWorld('memory').open()
    const file = flightsFile({ delay: 'string' })
    const columns = file.columns.filter(({ name }) => name !== 'miles' && name !== 'loaded_at')
    here.offline.files.set('flights', [{ ...file, columns }])
    for (const attempt of [plan(here, first), apply(here, first, author)]) {
      const failure = await failureOf(attempt)
      expect(failure.errors.map((error) => [error.code, error.message])).toEqual([
        [
          'MISSING_COLUMN',
          'source flights (flights.parquet) has no column "loaded_at", which is the created time of source flights',
        ],
        [
          'TYPE_MISMATCH',
          'source flights (flights.parquet): column "delay" is string, but the feature delay of view delays is int32',
        ],
        [
          'MISSING_COLUMN',
          'source flights (flights.parquet) has no column "miles", which is the feature miles of view delays',
        ],
      ])
    }
  })

  test('columns that widen without loss are accepted; a near name is told', async () => {
    const here = await newWorld('memory').open()
    here.offline.files.set('flights', [flightsFile({ delay: 'int16', miles: 'float32', landed_at: 'date' })])
    expect((await apply(here, first, author)).version).toBe(1)
    const wrong = smallDefinitions({
      views: { delays: view({ features: { delay: 'int32', miles: { type: 'float64', column: 'mile' } } }) },
    })
    expect((await failureOf(plan(here, wrong))).remedy).toBe('Did you mean "miles"?')
  })

  test('a source that cannot be read does not hide the faults of another', async () => {
    const here = await newWorld('memory').open()
    here.offline.files.set('flights', [flightsFile({ delay: 'string' })])
    const both = smallDefinitions({
      sources: { ...sources, hourly: { type: 'sql', sql: 'select * from flights', timestamp: 'at' } },
      views: { delays: view(), hourly_delays: view({ source: 'hourly' }) },
    })
    expect((await failureOf(plan(here, both))).errors.map((error) => error.code)).toEqual([
      'UNSUPPORTED',
      'TYPE_MISMATCH',
    ])
  })

  test('a source without files is not judged yet, and a push source needs none', async () => {
    const here = await newWorld('memory').open()
    here.offline.files.set('flights', [])
    const pushed = smallDefinitions({ views: { delays: view(), pushed: view({ source: 'taps' }) } })
    expect((await apply(here, pushed, author)).version).toBe(1)
  })
})

test('an aborted call does nothing', async () => {
  const here = await newWorld('memory').open()
  const failure = await failureOf(apply(here, first, author, { signal: AbortSignal.abort() }))
  expect([failure.code, (await here.snapshots.fresh()).version]).toEqual(['INTERRUPTED', 0])
})
