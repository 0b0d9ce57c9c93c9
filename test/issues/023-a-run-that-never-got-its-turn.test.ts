import { expect, test } from 'vitest'
import { things } from '../../src/testing/store-bench.ts'
import { sharedMemory } from '../support/shared-memory.ts'

// Who waits looks now and then. A process that begins one run as the last one ends had the lease each time before anybody looked.
test('a run that waits gets its turn though another process begins one run after the other', async () => {
  const memory = sharedMemory()
  await using busy = memory.open()
  await using patient = memory.open({ waits: { pollMs: 50 } })
  await busy.apply(things())
  let ran = 0
  let waitedFrom = Number.POSITIVE_INFINITY
  let ended = false
  const running = (async () => {
    while (!ended && ran < 5000) {
      await busy.materialize('view')
      ran++
    }
  })()
  // Begun while one is under way, so that it has to wait at first.
  await busy.startMaterialize('view')
  const waiting = patient.materialize('view', {
    onProgress: ({ phase }) => {
      if (phase === 'waiting') waitedFrom = Math.min(waitedFrom, ran)
    },
  })
  expect(await waiting).toMatchObject([{ state: 'succeeded' }])
  const before = ran - waitedFrom
  ended = true
  await running
  expect(waitedFrom).toBeLessThan(Number.POSITIVE_INFINITY)
  expect(before).toBeLessThan(5)
})

test('a run that stopped waiting, or whose process is gone, keeps nobody waiting', async () => {
  const memory = sharedMemory()
  await using store = memory.open({ waits: { leaseMs: 60_000 } })
  await store.apply(things())
  await store.materialize('view')
  const [run] = memory.metadata.runs.values()
  if (run === undefined) throw new Error('a run was recorded')
  const queued = { ...run, state: 'queued' as const, startedAt: null, endedAt: null }
  memory.metadata.runs.set('stopped', { ...queued, id: 'stopped', waitingAtMs: Date.now() - 30_001 })
  memory.metadata.runs.set('gone', {
    ...queued,
    id: 'gone',
    waitingAtMs: Date.now(),
    owner: { ...run.owner, startedAt: 'long ago' },
  })
  memory.metadata.runs.set('not yet', { ...queued, id: 'not yet' })
  expect(await store.materialize('view')).toMatchObject([{ state: 'succeeded' }])
})
