import { describe, expect, onTestFinished, test } from 'vitest'
import type { Call } from '../../src/kernel/call.ts'
import { fail, isProvenderError } from '../../src/kernel/errors.ts'
import { wireText } from '../../src/define/wire.ts'
import { apply } from '../../src/definitions/apply.ts'
import { noticed, openSnapshots } from '../../src/definitions/snapshots.ts'
import { switched } from '../../src/decide/attempt.ts'
import { noProgress } from '../../src/decide/progress.ts'
import type { Registry } from '../../src/ports/registry.ts'
import { openWorld, type Process, type World, worldStart } from '../support/definitions-world.ts'
import { smallDefinitions, view } from '../support/small-definitions.ts'

const terms = { author: 'ada', allowBreaking: true }
const owned = (owner: string): ReturnType<typeof smallDefinitions> =>
  smallDefinitions({ views: { delays: view({ owner }) } })

function newWorld(): World {
  const world = openWorld('memory')
  onTestFinished(() => world[Symbol.asyncDispose]())
  return world
}

/** A registry that counts its readings and, while it is held, lets none end. */
function watched(registry: Registry): { registry: Registry; readings: () => number; hold: () => () => void } {
  let readings = 0
  let gate = Promise.resolve()
  return {
    registry: {
      ...registry,
      snapshot: async (...asked) => {
        readings += 1
        const answer = await registry.snapshot(...asked)
        await gate
        return answer
      },
    },
    readings: () => readings,
    hold: () => {
      const { promise, resolve } = Promise.withResolvers<undefined>()
      gate = promise.then(() => undefined)
      return () => resolve(undefined)
    },
  }
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 5))
}

describe('a snapshot', () => {
  test('shows version 0, then what was applied', async () => {
    const here = await newWorld().open()
    expect(await here.snapshots.current()).toMatchObject({ version: 0, views: new Map() })
    await apply(here, owned('ops'), terms)
    const seen = await here.snapshots.current()
    expect([seen.version, wireText(seen.definitions)]).toEqual([1, wireText(owned('ops'))])
    expect(seen.views.get('delays')).toMatchObject({
      name: 'delays',
      head: { name: 'delays' },
      serving: { definition: 1, resolved: { name: 'delays' } },
      building: null,
      replaced: [],
    })
  })

  test('shows each generation with the definition that it answers by', async () => {
    const world = newWorld()
    const here = await world.open()
    await apply(here, owned('ops'), terms)
    world.clock.set(worldStart + 1n)
    await apply(here, smallDefinitions({ views: { delays: view({ source: 'taps', owner: 'ml' }) } }), terms)
    const state = await here.runLog.readState('delays')
    if (state.value === null) throw new Error('there is a state')
    await here.runLog.writeState('delays', {
      expect: state.version,
      value: { ...state.value, generations: switched(state.value.generations, 7) },
      at: worldStart + 1n,
    })
    const seen = (await here.snapshots.current()).views.get('delays')
    expect([
      seen?.serving?.resolved.view.owner,
      seen?.replaced[0]?.resolved.view.owner,
      seen?.replaced[0]?.replacedAtMs,
    ]).toEqual(['ml', 'ops', 7])
  })

  test('is the same object until something that it shows changes: not for a run’s progress', async () => {
    const here = await newWorld().open()
    await apply(here, smallDefinitions({ views: { delays: view(), other: view() } }), terms)
    const before = await here.snapshots.fresh()
    const { version, value } = await here.runLog.readState('delays')
    if (value === null) throw new Error('there is a state')
    const swap = await here.runLog.writeState('delays', {
      expect: version,
      value: { ...value, progress: { ...noProgress, lastAttempt: 5n } },
      at: worldStart,
    })
    expect(swap.kind).toBe('done')
    expect(await here.snapshots.fresh()).toBe(before)
    const generations = { ...value.generations, purgedBelow: 9n }
    await here.runLog.writeState('delays', { expect: version + 1, value: { ...value, generations }, at: worldStart })
    const after = await here.snapshots.fresh()
    expect([after === before, after.views.get('other') === before.views.get('other')]).toEqual([false, true])
    expect(after.views.get('delays')?.generations.purgedBelow).toBe(9n)
  })
})

describe('how old a snapshot is', () => {
  async function aged(): Promise<{
    here: Process
    other: Process
    snapshots: ReturnType<typeof openSnapshots>
    counter: ReturnType<typeof watched>
    after: (ms: number) => void
  }> {
    const world = newWorld()
    const [here, other] = [await world.open(), await world.open()]
    const counter = watched(here.registry)
    let ms = 0
    const snapshots = openSnapshots({ registry: counter.registry, nowMs: () => ms })
    return { here, other, snapshots, counter, after: (more) => (ms += more) }
  }

  test('within 2 s the one that is there is given, after them never', async () => {
    const { other, snapshots, after, counter } = await aged()
    expect((await snapshots.current()).version).toBe(0)
    await apply(other, owned('ops'), terms)
    after(999)
    expect([(await snapshots.current()).version, counter.readings()]).toEqual([0, 1])
    after(1001)
    expect([(await snapshots.current()).version, counter.readings()]).toEqual([1, 2])
  })

  test('after 1 s it is read again without anyone waiting', async () => {
    const { other, snapshots, after, counter } = await aged()
    await snapshots.current()
    await apply(other, owned('ops'), terms)
    after(1000)
    expect((await snapshots.current()).version).toBe(0)
    await turn()
    expect([(await snapshots.current()).version, counter.readings()]).toEqual([1, 2])
  })

  test('own writes are seen at once, also by who asks while an older reading is under way', async () => {
    const { here, snapshots, counter } = await aged()
    await snapshots.current()
    const mine = { ...here, ...noticed(here, snapshots), snapshots }
    await apply(mine, owned('ops'), terms)
    expect((await snapshots.current()).version).toBe(1)
    const release = counter.hold()
    const early = snapshots.fresh()
    await turn()
    const applied = apply(
      { ...mine, registry: { ...mine.registry, snapshot: here.registry.snapshot.bind(here.registry) } },
      owned('ml'),
      terms,
    )
    await applied
    const late = snapshots.current()
    release()
    expect([(await early).version, (await late).version]).toEqual([1, 2])
  })

  test('a fresh one is read after the call began; all who ask meanwhile share one reading', async () => {
    const { other, snapshots, counter } = await aged()
    const release = counter.hold()
    const first = snapshots.fresh()
    await turn()
    await apply(other, owned('ops'), terms)
    const later = [snapshots.fresh(), snapshots.fresh(), snapshots.fresh()]
    release()
    expect((await first).version).toBe(0)
    expect((await Promise.all(later)).map(({ version }) => version)).toEqual([1, 1, 1])
    expect(counter.readings()).toBe(2)
  })

  test('who is aborted or out of time stops waiting; the reading goes on', async () => {
    const { snapshots, counter } = await aged()
    const release = counter.hold()
    const code = async (call: Call): Promise<string> =>
      (async () => snapshots.current(call))().then(
        () => 'done',
        (thrown: unknown) => (isProvenderError(thrown) ? thrown.code : 'another'),
      )
    expect(await code({ deadlineAtMs: Date.now() + 30 })).toBe('DEADLINE_EXCEEDED')
    expect(await code({ signal: AbortSignal.timeout(30) })).toBe('INTERRUPTED')
    expect(await code({ signal: AbortSignal.abort() })).toBe('INTERRUPTED')
    release()
    expect([(await snapshots.current()).version, counter.readings()]).toEqual([0, 1])
  })

  test('reads go on by the last one that was seen while the registry is away, until it is back', async () => {
    const { here, other } = await aged()
    let state: 'there' | 'away' | 'slow' = 'there'
    const registry: Registry = {
      ...here.registry,
      async snapshot(...asked) {
        if (state === 'away') throw fail('STORE_UNREACHABLE', 'The registry is away')
        if (state === 'slow') await new Promise(() => undefined)
        return here.registry.snapshot(...asked)
      },
    }
    let ms = 0
    const snapshots = openSnapshots({ registry, nowMs: () => ms })
    state = 'away'
    await expect((async () => snapshots.lastSeen())()).rejects.toThrow('away')
    state = 'there'
    expect((await snapshots.lastSeen()).version).toBe(0)
    await apply(other, owned('ops'), terms)
    state = 'away'
    ms = 10_000
    expect((await snapshots.lastSeen()).version).toBe(0)
    expect(snapshots.lastSeen()).not.toBeInstanceOf(Promise)
    await expect((async () => snapshots.current())()).rejects.toThrow('away')
    state = 'there'
    await snapshots.lastSeen()
    await turn()
    expect([(await snapshots.lastSeen()).version, (await snapshots.current()).version]).toEqual([1, 1])
    state = 'slow'
    ms = 20_000
    // It is waited for while there is time.
    const beganMs = performance.now()
    expect((await snapshots.lastSeen({ deadlineAtMs: Date.now() + 400 })).version).toBe(1)
    const tookMs = performance.now() - beganMs
    expect(tookMs).toBeGreaterThan(250)
    expect(tookMs).toBeLessThan(400)
    expect(snapshots.lastSeen()).not.toBeInstanceOf(Promise)
  })

  test('a reading that fails fails those who wait for it, and the next one is tried anew', async () => {
    const { here } = await aged()
    let broken = true
    const registry: Registry = {
      ...here.registry,
      snapshot: (...asked) =>
        broken ? Promise.reject(new Error('the disk is gone')) : here.registry.snapshot(...asked),
    }
    const snapshots = openSnapshots({ registry })
    await expect(snapshots.current()).rejects.toThrow('the disk is gone')
    broken = false
    expect((await snapshots.current()).version).toBe(0)
  })
})

test('definitions of a version are read once and are the same object', async () => {
  const here = await newWorld().open()
  await apply(here, owned('ops'), terms)
  await apply(here, owned('ml'), terms)
  const one = await here.snapshots.definitions(1)
  expect([wireText(one), await here.snapshots.definitions(1)]).toEqual([wireText(owned('ops')), one])
  expect((await here.snapshots.definitions(0)).views.size).toBe(0)
  for (const version of [3, -1, 0.5])
    await expect(here.snapshots.definitions(version)).rejects.toThrow(
      `The registry has no version ${version}; the newest is 2`,
    )
})
