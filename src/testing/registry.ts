import assert from 'node:assert/strict'
import { manualClock } from '../kernel/clock.ts'
import { noGenerations } from '../decide/generations.ts'
import type { Registry, RegistrySnapshot, RegistryVersion, Swap } from '../ports/registry.ts'
import type { Law } from './law.ts'
import {
  commitOf,
  definitionsNamed,
  generationsAt,
  type MetadataHarness,
  start,
  wholeGenerations,
} from './metadata-harness.ts'

const clock = manualClock(start)

/** The snapshot now and its token. */
async function now(registry: Registry): Promise<{ token: string; snapshot: RegistrySnapshot }> {
  const answer = await registry.snapshot()
  assert.ok(answer !== null, 'a snapshot without a token is never null')
  return answer
}

/** The laws of the registry, each a sentence of its port. */
export const registryLaws: readonly Law<MetadataHarness>[] = [
  {
    law: 'version 0 is empty and always there',
    run: async (harness) => {
      await using store = await harness.open(clock)
      const { snapshot } = await now(store.registry)
      assert.equal(snapshot.head.version, 0)
      assert.equal(snapshot.generations.size, 0)
      const none = await store.registry.read(0)
      assert.deepEqual(none?.definitions, { entities: {}, sources: {}, views: {}, on_demand: {}, services: {} })
      assert.deepEqual(await store.registry.versions(10), [])
    },
  },
  {
    law: 'a commit makes the next version, which reads back as it was committed',
    run: async (harness) => {
      await using store = await harness.open(clock)
      const done = await store.registry.commit(commitOf('one', 0, { message: 'It’s “first”', changes: 12 }))
      const expected = {
        version: 1,
        parent: 0,
        createdAt: start,
        author: 'one',
        message: 'It’s “first”',
        definitions: definitionsNamed('one'),
        changes: 12,
      }
      assert.deepEqual(done, { kind: 'done', value: expected })
      assert.deepEqual(await store.registry.read(1), expected)
      assert.deepEqual((await now(store.registry)).snapshot.head, expected)
      await store.registry.commit(commitOf('two', 1))
      assert.equal('message' in ((await store.registry.read(2)) ?? {}), false)
    },
  },
  {
    law: 'versions are immutable, and one that is not there is null',
    run: async (harness) => {
      await using store = await harness.open(clock)
      await store.registry.commit(commitOf('one', 0))
      const before = await store.registry.read(1)
      await store.registry.commit(commitOf('two', 1))
      assert.deepEqual(await store.registry.read(1), before)
      assert.equal(await store.registry.read(3), null)
    },
  },
  {
    law: 'versions are listed newest first, without their definitions, no more than asked for',
    run: async (harness) => {
      await using store = await harness.open(clock)
      for (let parent = 0; parent < 4; parent++) await store.registry.commit(commitOf(`v${parent + 1}`, parent))
      const all = await store.registry.versions(10)
      assert.deepEqual(
        all.map((each) => [each.version, each.author]),
        [
          [4, 'v4'],
          [3, 'v3'],
          [2, 'v2'],
          [1, 'v1'],
        ],
      )
      assert.ok(all.every((each) => !('definitions' in each)))
      assert.deepEqual(
        (await store.registry.versions(2)).map((each) => each.version),
        [4, 3],
      )
    },
  },
  {
    law: 'a commit on another version than the head is a conflict that names the head, and changes nothing',
    run: async (harness) => {
      await using store = await harness.open(clock)
      await store.registry.commit(commitOf('one', 0))
      const lost = commitOf('late', 0, { generations: [{ view: 'delays', expect: 0, value: generationsAt(start) }] })
      assert.deepEqual(await store.registry.commit(lost), { kind: 'conflict', head: 1 })
      assert.deepEqual(await store.registry.commit({ ...lost, parent: 2 }), { kind: 'conflict', head: 1 })
      const { snapshot } = await now(store.registry)
      assert.deepEqual([snapshot.head.author, snapshot.generations.size], ['one', 0])
    },
  },
  {
    law: 'a commit changes its generations with the version, all or nothing: a document that moved is a conflict',
    run: async (harness) => {
      await using store = await harness.open(clock)
      const first = [
        { view: 'delays', expect: 0, value: generationsAt(start) },
        { view: 'traffic', expect: 0, value: wholeGenerations },
      ]
      assert.equal((await store.registry.commit(commitOf('one', 0, { generations: first }))).kind, 'done')
      const { snapshot } = await now(store.registry)
      assert.deepEqual(snapshot.generations.get('delays'), { version: 1, value: generationsAt(start) })
      assert.deepEqual(snapshot.generations.get('traffic'), { version: 1, value: wholeGenerations })
      const second = [
        { view: 'delays', expect: 1, value: generationsAt(start + 5n) },
        { view: 'traffic', expect: 0, value: noGenerations },
      ]
      assert.deepEqual(await store.registry.commit(commitOf('two', 1, { generations: second })), {
        kind: 'conflict',
        head: 1,
      })
      assert.deepEqual((await now(store.registry)).snapshot, snapshot)
    },
  },
  {
    law: 'a commit is stale when the clock is more than 1 s past its instant, and changes nothing',
    run: async (harness) => {
      await using store = await harness.open(manualClock(start + 1_000_001n))
      const late = commitOf('late', 0, { generations: [{ view: 'delays', expect: 0, value: generationsAt(start) }] })
      assert.deepEqual(await store.registry.commit(late), { kind: 'stale' })
      assert.equal((await now(store.registry)).snapshot.generations.size, 0)
      assert.equal((await store.registry.commit({ ...late, at: start + 1n })).kind, 'done')
    },
  },
  {
    law: 'a snapshot since its own token is null until a version or a state changes, in this process or another',
    run: async (harness) => {
      await using mine = await harness.open(clock)
      await using other = await harness.open(clock)
      const empty = await now(mine.registry)
      assert.equal(await mine.registry.snapshot(empty.token), null)
      await mine.registry.commit(commitOf('one', 0))
      const one = await mine.registry.snapshot(empty.token)
      assert.equal(one?.snapshot.head.version, 1)
      await other.registry.commit(commitOf('two', 1))
      const two = await mine.registry.snapshot(one.token)
      assert.equal(two?.snapshot.head.version, 2)
      const state = { generations: generationsAt(start), progress: { lastAttempt: 0n, generations: [] } }
      await other.runLog.writeState('delays', { expect: 0, value: state, at: start })
      const three = await mine.registry.snapshot(two.token)
      assert.deepEqual(three?.snapshot.generations.get('delays'), { version: 1, value: generationsAt(start) })
      assert.equal(await mine.registry.snapshot(three.token), null)
    },
  },
  {
    law: 'a snapshot is of one instant: head and generations belong together',
    run: async (harness) => {
      await using writer = await harness.open(clock)
      await using reader = await harness.open(clock)
      let done = false
      const writing = (async () => {
        for (let version = 1; version <= 15; version++) {
          const generations = [{ view: 'delays', expect: version - 1, value: generationsAt(BigInt(version)) }]
          await writer.registry.commit(commitOf(`v${version}`, version - 1, { generations }))
          await new Promise((resolve) => setImmediate(resolve))
        }
      })().finally(() => (done = true))
      while (!done) {
        const { snapshot } = await now(reader.registry)
        assert.equal(snapshot.generations.get('delays')?.value.serving?.generation ?? 0n, BigInt(snapshot.head.version))
        await new Promise((resolve) => setImmediate(resolve))
      }
      await writing
    },
  },
  {
    law: 'of 20 appliers at once each version has one, and nobody is lost',
    run: async (harness) => {
      await using openers = new AsyncDisposableStack()
      const stores = await Promise.all([1, 2, 3, 4].map(async () => openers.use(await harness.open(clock))))
      const names = Array.from({ length: 20 }, (_, i) => `applier${i}`)
      await Promise.all(names.map((name, i) => applyUntilDone(stores[i % stores.length]?.registry, name)))
      const versions = await stores[0]?.registry.versions(100)
      assert.deepEqual(
        versions?.map((each) => [each.version, each.parent]),
        names.map((_, i) => [20 - i, 19 - i]),
      )
      assert.deepEqual(versions.map((each) => each.author).toSorted(), names.toSorted())
    },
  },
]

async function applyUntilDone(registry: Registry | undefined, name: string): Promise<void> {
  assert.ok(registry !== undefined)
  let parent = 0
  for (let tries = 0; tries <= 20; tries++) {
    const swap: Swap<RegistryVersion> = await registry.commit(commitOf(name, parent))
    if (swap.kind === 'done') return
    assert.equal(swap.kind, 'conflict', 'whoever loses is told')
    assert.ok(swap.kind === 'conflict' && swap.head > parent, 'whoever loses is told who won')
    parent = swap.head
  }
  assert.fail('somebody wins in each round, so 20 rounds are enough for all')
}
