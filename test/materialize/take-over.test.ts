import { expect, test } from 'vitest'
import type { Store } from '../../src/contract/store.ts'
import type { RunRecord } from '../../src/ports/run-log.ts'
import { things } from '../../src/testing/store-bench.ts'
import { type SharedMemory, sharedMemory } from '../support/shared-memory.ts'

/** A record of a run as its store left it. */
async function leftBehind(memory: SharedMemory, store: Store): Promise<(own: Partial<RunRecord>) => void> {
  await store.materialize('view')
  const [run] = memory.metadata.runs.values()
  if (run === undefined) throw new Error('a run was recorded')
  const queued: RunRecord = { ...run, state: 'queued', startedAt: null, endedAt: null, presence: 'presence:nobody' }
  return (own) => void memory.metadata.runs.set(own.id ?? '', { ...queued, ...own })
}

const dead = (memory: SharedMemory): Pick<RunRecord, 'owner'> => {
  const [run] = memory.metadata.runs.values()
  if (run === undefined) throw new Error('a run was recorded')
  return { owner: { ...run.owner, startedAt: 'long ago' } }
}

async function allEnded(store: Store): Promise<void> {
  await expect
    .poll(async () => [...(await store.runs({ state: 'queued' })), ...(await store.runs({ state: 'running' }))].length)
    .toBe(0)
}

test('of several servers one goes on with each run whose process has ended, whichever looks first', async () => {
  const memory = sharedMemory()
  await using first = memory.open({ serves: true })
  await first.apply(things())
  const leave = await leftBehind(memory, first)
  await using second = memory.open({ serves: true })
  await using third = memory.open({ serves: true })
  const left = ['killed', 'silent', 'killed while it ran', 'silent while it ran']
  leave({ id: 'killed', ...dead(memory), presence: null })
  leave({ id: 'silent', repair: true })
  leave({ id: 'killed while it ran', ...dead(memory), state: 'running', takeOvers: 2 })
  leave({ id: 'silent while it ran', state: 'running', interval: [5n, 9n] })
  await Promise.all([first, second, third, second, third, first].map((store) => store.maintain()))
  await allEnded(first)
  const runs = await first.runs({ limit: 100 })
  expect(runs.length).toBe(1 + 2 * left.length)
  for (const id of left) {
    const run = runs.find((each) => each.id === id)
    const [, next] = /^Its process has ended; (run_\w+) goes on with it$/.exec(run?.error?.detail ?? '') ?? []
    expect(run).toMatchObject({ state: 'failed', error: { code: 'INTERRUPTED' } })
    expect(runs.filter((each) => each.id === next)).toMatchObject([{ state: 'succeeded', interval: run?.interval }])
    expect(memory.metadata.runs.get(next ?? '')).toMatchObject({
      repair: id === 'silent',
      takeOvers: id === 'killed while it ran' ? 3 : 1,
    })
  }
})

test('nobody goes on with a run that was to be cancelled, that ended every process so far, or whose store lives', async () => {
  const memory = sharedMemory()
  await using first = memory.open({ serves: true })
  await first.apply(things())
  const leave = await leftBehind(memory, first)
  await using second = memory.open({ serves: true })
  const [living] = await second.startMaterialize('view')
  const presence = memory.metadata.runs.get(living?.id ?? '')?.presence ?? null
  leave({ id: 'unwanted', cancel: true })
  leave({ id: 'deadly', takeOvers: 3 })
  leave({ id: 'older', presence: null })
  const busy = memory.open({
    serves: true,
    around: ({ offline }) => ({ offline: { ...offline, describe: () => new Promise(() => undefined) } }),
  })
  const [running] = await busy.startMaterialize('view')
  for (let i = 0; i < 3; i++) await first.maintain()
  const states = new Map((await first.runs({ limit: 100 })).map(({ id, state, error }) => [id, error?.detail ?? state]))
  expect(presence).not.toBeNull()
  expect(states.get('unwanted')).toBe('Its process has ended')
  expect(states.get('deadly')).toBe('Its process has ended')
  // That of an earlier release tells nothing of its store; its process, this one, lives.
  expect(states.get('older')).toBe('queued')
  expect(['queued', 'running']).toContain(states.get(running?.id ?? ''))
  expect(states.size).toBe(6)
})

test('a server that is closed leaves its runs to another, which begins them at once', async () => {
  const memory = sharedMemory()
  const entered = Promise.withResolvers<void>()
  const closing = memory.open({
    serves: true,
    waits: { closeMs: 20, stopMs: 500 },
    around: ({ offline }) => ({
      offline: {
        ...offline,
        async query(query, call) {
          entered.resolve()
          await new Promise((resolve) => call?.signal?.addEventListener('abort', resolve, { once: true }))
          return offline.query(query, call)
        },
      },
    }),
  })
  await closing.apply(things())
  memory.put('things', 'first', null)
  await closing.push('view', [{ k: 1, at: memory.clock.now() - 5n, v: 5 }], { to: 'offline' })
  const [running] = await closing.startMaterialize('view')
  const [queued] = await closing.startMaterialize('view')
  await entered.promise
  await closing[Symbol.asyncDispose]()
  await using other = memory.open({ serves: true })
  expect(await other.run(running?.id ?? '')).toMatchObject({ state: 'running' })
  expect(await other.run(queued?.id ?? '')).toMatchObject({ state: 'queued' })
  await other.maintain()
  await allEnded(other)
  const runs = await other.runs()
  expect(runs.map(({ state }) => state).toSorted()).toEqual(['failed', 'failed', 'succeeded', 'succeeded'])
  expect((await other.online('view', [{ k: 1 }])).exact).toEqual([[5n]])
})

test('a store that could not say that it lives for longer than its lease loses its runs, and not those to come', async () => {
  const memory = sharedMemory()
  const leaseMs = 60
  let away = false
  const hold = Promise.withResolvers<void>()
  await using silent = memory.open({
    serves: true,
    waits: { leaseMs },
    around: ({ offline, runLog }) => ({
      runLog: {
        ...runLog,
        async renew(...asked) {
          if (away) throw new Error('unreachable')
          return runLog.renew(...asked)
        },
      },
      offline: { ...offline, describe: async (...asked) => hold.promise.then(() => offline.describe(...asked)) },
    }),
  })
  await using other = memory.open({ serves: true })
  await other.apply(things())
  const [lost] = await silent.startMaterialize('view')
  await expect.poll(async () => (await other.run(lost?.id ?? '')).state).toBe('running')
  for (let i = 0; i < 10; i++) {
    await new Promise((resolve) => setTimeout(resolve, leaseMs / 3))
    await other.maintain()
  }
  expect((await other.run(lost?.id ?? '')).state).toBe('running')
  away = true
  await new Promise((resolve) => setTimeout(resolve, 2 * leaseMs))
  await other.maintain()
  expect((await other.run(lost?.id ?? '')).error?.detail).toMatch(/goes on with it$/)
  away = false
  hold.resolve()
  await allEnded(other)
  // Its late end changes nothing of what is recorded.
  expect((await other.run(lost?.id ?? '')).state).toBe('failed')
  expect(await silent.materialize('view')).toMatchObject([{ state: 'succeeded' }])
})
