import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { RunProgress } from '../../src/contract/store.ts'
import { thingColumns, things } from '../../src/testing/store-bench.ts'
import { sharedMemory } from '../support/shared-memory.ts'

const entities = 5000
const rows = Array.from({ length: entities }, (_, i) => [BigInt(i), 1n, null, 1n, 2n])

test('a run tells how much of it is done: it never goes back, and is all only at the end', async () => {
  const memory = sharedMemory()
  memory.put('things', 'first', { columns: thingColumns, rows })
  await using store = memory.open()
  await store.apply(things())
  const told: RunProgress[] = []
  for (const options of [{}, { repair: true }]) {
    told.length = 0
    await store.materialize('view', { ...options, onProgress: (progress) => told.push(progress) })
    const known = told.flatMap(({ fraction }) => (fraction === null ? [] : [fraction]))
    expect(known).toEqual(known.toSorted((a, b) => a - b))
    expect(new Set(known).size).toBeGreaterThan(3)
    expect(told.filter(({ fraction }) => fraction === 1)).toEqual([told.at(-1)])
    expect(told.at(-1)).toMatchObject({ phase: 'done', fraction: 1, rows: entities })
    expect([...new Set(told.map(({ phase }) => phase))].slice(0, 3)).toEqual(['reading', 'writing', 'catching-up'])
  }
})

test('a run that is under way is listed with how it stands, to other processes too', async () => {
  const memory = sharedMemory()
  memory.put('things', 'first', { columns: thingColumns, rows })
  await using other = memory.open()
  let writes = 0
  const seen = Promise.withResolvers<void>()
  await using store = memory.open({
    around: ({ online }) => ({
      online: {
        ...online,
        async write(...asked) {
          if (++writes === 3) await seen.promise
          return online.write(...asked)
        },
      },
    }),
  })
  await store.apply(things())
  const [queued] = await store.startMaterialize('view')
  const id = queued?.id ?? ''
  expect(queued).not.toHaveProperty('progress')
  for (;;) {
    const run = await other.run(id)
    if (run.progress === undefined) {
      await sleep(20)
      continue
    }
    expect(run).toMatchObject({
      state: 'running',
      written: run.progress.rows,
      progress: { run: id, view: 'view', phase: 'writing' },
    })
    expect(run.progress.fraction).toBeGreaterThan(0)
    expect(run.progress.fraction).toBeLessThan(1)
    expect([run.rows > 0, run.written > 0]).toEqual([true, true])
    break
  }
  seen.resolve()
  while ((await other.run(id)).state === 'running') await sleep(5)
  const ended = await other.run(id)
  expect(ended).toMatchObject({ state: 'succeeded', rows: entities, written: entities })
  expect(ended).not.toHaveProperty('progress')
})
