import { expect, test } from 'vitest'
import { processOwner } from '../../src/kernel/process-owner.ts'
import { type RunPoint, runPoints } from '../../src/materialize/deps.ts'
import { compare } from './compare.ts'
import { type MemoryWorld, definitionsOf, firstVariant, memoryPath, memoryWorld, second } from './world.ts'

/** A view with a file and pushed rows, materialized once; then a file that changes and another push, so that the next run builds a generation and switches. */
async function liveOn(world: MemoryWorld): Promise<void> {
  const row = (k: number, v: number) => ({
    k,
    at: world.clock.now() - second,
    seen: world.clock.now() - second,
    v: BigInt(v),
    w: BigInt(v + 100),
  })
  await world.writeFile('a', [row(0, 1), row(1, 2)])
  await world.store.apply(definitionsOf(firstVariant, memoryPath))
  await world.store.push('view', [{ k: 2, at: world.clock.now(), v: 3 }], { to: 'offline' })
  await world.store.materialize('view')
  world.clock.set(world.clock.now() + 60n * second)
  await world.writeFile('a', [row(0, 4), row(2, 5)])
  await world.store.push('things', [{ k: 1, at: world.clock.now(), v: 6, w: 7 }], { to: 'offline' })
}

/** Lets something happen when a run reaches a point for the first time. */
function at(world: MemoryWorld, point: RunPoint, happens: () => void): { readonly happened: () => boolean } {
  let happened = false
  world.onReached = (reached) => {
    if (reached !== point || happened) return
    happened = true
    happens()
  }
  return { happened: () => happened }
}

const running = async (world: MemoryWorld) =>
  (await world.store.runs()).filter(({ state }) => state === 'running' || state === 'queued')

test.for(runPoints)(
  'a run that is aborted at "%s" ends as cancelled or done, and the next one makes up for it',
  async (point) => {
    await using world = await memoryWorld()
    await liveOn(world)
    const abort = new AbortController()
    const disturbance = at(world, point, () => abort.abort())
    const [run] = await world.store.startMaterialize('view', { signal: abort.signal })
    while ((await running(world)).length > 0) await new Promise((resolve) => setTimeout(resolve, 1))
    expect(disturbance.happened()).toBe(true)
    const ended = await world.store.run(run?.id ?? '')
    expect(ended.state === 'succeeded' ? 'done' : ended.error?.code).toBe(point === 'switched' ? 'done' : 'INTERRUPTED')
    await compare(world, memoryPath)
  },
)

test.for(runPoints)('a store that is closed while its run is at "%s" lets it end first', async (point) => {
  await using world = await memoryWorld()
  await liveOn(world)
  let closing: PromiseLike<void> | undefined
  at(world, point, () => {
    closing = world.store[Symbol.asyncDispose]()
  })
  const runs = await world.store.materialize('view')
  expect(runs.map(({ state }) => state)).toEqual(['succeeded'])
  expect(closing).toBeDefined()
  await closing
  world.reopen()
  expect(await running(world)).toEqual([])
  await compare(world, memoryPath)
})

test.for(runPoints)(
  'a store that has no time to wait stops its run at "%s"; the next one makes up for it',
  async (point) => {
    await using world = await memoryWorld(undefined, { closeMs: 0 })
    await liveOn(world)
    let closing: PromiseLike<void> | undefined
    at(world, point, () => {
      closing = world.store[Symbol.asyncDispose]()
    })
    const [run] = await world.store.startMaterialize('view')
    while (closing === undefined) await new Promise((resolve) => setTimeout(resolve, 1))
    await closing
    world.reopen()
    expect(await running(world)).toEqual([])
    const { state, error } = await world.store.run(run?.id ?? '')
    expect(state === 'succeeded' ? 'done' : `${state} ${error?.code}`).toBe(
      point === 'switched' ? 'done' : 'cancelled INTERRUPTED',
    )
    await world.store.push('view', [{ k: 2, at: world.clock.now(), v: 8 }])
    await compare(world, memoryPath)
  },
)

test.for(['wiped', 'restored'] as const)(
  'an online store that is %s while a run begins is built anew by that run',
  async (how) => {
    await using world = await memoryWorld()
    await liveOn(world)
    await world.backupOnline()
    at(world, 'begun', () => void world.restoreOnline(how === 'restored'))
    expect(await world.store.materialize('view')).toMatchObject([{ state: 'succeeded' }])
    await compare(world, memoryPath)
  },
)

test('a run that fails has ended before its lease is free: nobody takes it for one that lost its lease', async () => {
  const atRelease: (string | undefined)[] = []
  await using world = await memoryWorld((runLog) => ({
    ...runLog,
    async renew(name, token, forMs, call) {
      if (forMs === 0 && name.startsWith('view:')) atRelease.push((await runLog.runs({ limit: 1 }))[0]?.state)
      return runLog.renew(name, token, forMs, call)
    },
  }))
  await liveOn(world)
  world.crashAt = { point: 'wrote all', nth: 1 }
  await expect(world.store.materialize('view')).rejects.toThrow('Killed at wrote all')
  expect(atRelease).toEqual(['succeeded', 'failed'])
})

test('queued and running runs of a process that is gone end when somebody takes over or maintains; those of a living one stay', async () => {
  const dead = { ...processOwner(), startedAt: 'long ago' }
  const elsewhere = { ...processOwner(), host: 'another machine' }
  for (const healer of ['materialize', 'maintain'] as const) {
    await using world = await memoryWorld()
    await liveOn(world)
    const runLog = world.runLog()
    const [old] = await runLog.runs({ limit: 1 })
    if (old === undefined) throw new Error('no run was recorded')
    const put = async (id: string, state: 'queued' | 'running', owner: typeof dead): Promise<unknown> =>
      runLog.putRun({ ...old, id, state, owner, endedAt: null })
    await put('dead queued', 'queued', dead)
    await put('dead running', 'running', dead)
    await put('living queued', 'queued', elsewhere)
    await put('living running', 'running', elsewhere)
    await world.store[healer]()
    const states = Object.fromEntries(
      (await world.store.runs()).map(({ id, state, error }) => [id, `${state} ${error?.code}`]),
    )
    expect(states).toMatchObject({
      'dead queued': 'failed INTERRUPTED',
      'dead running': 'failed INTERRUPTED',
      'living queued': 'queued undefined',
      // Whoever holds the lease knows that nobody else does.
      'living running': healer === 'materialize' ? 'failed LEASE_LOST' : 'running undefined',
    })
  }
})
