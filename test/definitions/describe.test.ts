import { expect, onTestFinished, test } from 'vitest'
import { fail, isProvenderError } from '../../src/kernel/errors.ts'
import { apply } from '../../src/definitions/apply.ts'
import { list, show } from '../../src/definitions/describe.ts'
import { openWorld, type Process, worldStart } from '../support/definitions-world.ts'
import { smallDefinitions, view } from '../support/small-definitions.ts'

const definitions = smallDefinitions({
  views: {
    delays: view({ owner: 'ops', tags: { tier: 'gold' }, freshness: '1h', keys: { airport: 'origin' } }),
    history: view({ online: false, ttl: '0' }),
  },
  services: { model: { features: ['delays:delay'] } },
})

async function applied(): Promise<Process> {
  const world = openWorld('memory')
  onTestFinished(() => world[Symbol.asyncDispose]())
  const here = await world.open()
  here.offline.files.clear()
  await apply(here, definitions, { author: 'ada' })
  return here
}

test('a view is shown with its definition and what is stored of it', async () => {
  const here = await applied()
  const shown = {
    name: 'delays',
    owner: 'ops',
    tags: { tier: 'gold' },
    entities: ['airport'],
    keys: [{ name: 'airport', type: 'string', column: 'origin' }],
    source: 'flights',
    timestamp: 'landed_at',
    created: 'loaded_at',
    ttl: '2d',
    freshness: '1h',
    online: true,
    features: [
      { name: 'delay', type: 'int32', column: 'delay' },
      { name: 'miles', type: 'float64', column: 'miles' },
    ],
    generation: '2026-01-01T00:00:00Z',
    coverage: [],
    rows: 0,
    newestEventTime: null,
    services: ['model'],
  }
  expect(await show(here, { kind: 'views', name: 'delays' })).toEqual(shown)
  const { version, value } = await here.runLog.readState('delays')
  if (value === null) throw new Error('there is a state')
  const coverage = (revision: bigint, end: bigint) => ({
    revision,
    intervals: [{ start: null, end }],
    files: [],
    position: 0n,
  })
  const generation = {
    generation: worldStart,
    finished: 1n,
    begun: [],
    known: [],
    knownPosition: 0n,
    coverage: [coverage(1n, 5n), coverage(worldStart, worldStart)],
  }
  const building = { generation: worldStart + 1n, revision: worldStart + 1n, definition: 1, bornAtMs: 0 }
  const state = {
    generations: { ...value.generations, building },
    progress: { lastAttempt: 1n, generations: [generation] },
  }
  await here.runLog.writeState('delays', { expect: version, value: state, at: worldStart })
  expect(await show(here, { kind: 'views', name: 'delays' })).toEqual({
    ...shown,
    coverage: [[null, '2026-01-01T00:00:00Z']],
    building: { generation: '2026-01-01T00:00:00.000001Z', coverage: [], rows: 0, newestEventTime: null },
  })
})

test('an online store that cannot be asked hides nothing of what is defined', async () => {
  const here = await applied()
  const broken = async (): Promise<never> => {
    throw fail('STORE_UNREACHABLE', 'The online store is gone')
  }
  const view = await show({ ...here, marks: { readMarks: broken } }, { kind: 'views', name: 'delays' })
  expect(view).toMatchObject({ generation: '2026-01-01T00:00:00Z', error: { code: 'STORE_UNREACHABLE' } })
  expect(Object.keys(view)).not.toContain('rows')
  const aborted = async (): Promise<never> => {
    throw fail('INTERRUPTED', 'The call was aborted')
  }
  await expect(list({ ...here, marks: { readMarks: aborted } }, 'views')).rejects.toMatchObject({ code: 'INTERRUPTED' })
})

test('a view that is not online has no generation', async () => {
  const here = await applied()
  expect(await show(here, { kind: 'views', name: 'history' })).toMatchObject({
    online: false,
    generation: null,
    coverage: [],
    services: [],
  })
})

test('everything of a kind is listed by name', async () => {
  const here = await applied()
  expect((await list(here, 'views')).map(({ name }) => name)).toEqual(['delays', 'history'])
  expect(await list(here, 'entities')).toEqual([
    { name: 'airport', keys: [{ name: 'airport', type: 'string' }], views: ['delays', 'history'] },
    {
      name: 'route',
      keys: [
        { name: 'origin', type: 'string' },
        { name: 'destination', type: 'string' },
      ],
      views: [],
    },
  ])
  expect((await list(here, 'sources'))[0]).toEqual({
    name: 'flights',
    type: 'parquet',
    path: 'flights.parquet',
    timestamp: 'landed_at',
    created: 'loaded_at',
    views: ['delays', 'history'],
  })
  expect(await list(here, 'services')).toEqual([{ name: 'model', features: ['delays:delay'] }])
  expect(await list(here, 'on-demand')).toEqual([])
})

test('an unknown name is told with the nearest one', async () => {
  const here = await applied()
  const failure: unknown = await show(here, { kind: 'views', name: 'dellays' }).catch((thrown: unknown) => thrown)
  expect(isProvenderError(failure) && [failure.code, failure.remedy]).toEqual([
    'UNKNOWN_NAME',
    'Did you mean "delays"? provender ls lists what there is.',
  ])
})
