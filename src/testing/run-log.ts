import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { manualClock } from '../kernel/clock.ts'
import { noProgress } from '../decide/progress.ts'
import type { Owner } from '../ports/leases.ts'
import type { RunLog, ViewState } from '../ports/run-log.ts'
import type { Law } from './law.ts'
import {
  commitOf,
  generationsAt,
  type MetadataHarness,
  runNamed,
  start,
  wholeGenerations,
  wholeProgress,
} from './metadata-harness.ts'

const clock = manualClock(start)
const owner: Owner = { host: 'machine "a"', boot: 'b00t', pid: 4242, startedAt: '991122' }
const alive = { forMs: 60_000, dead: (): boolean => false }
const whole: ViewState = { generations: wholeGenerations, progress: wholeProgress }

const tokenOf = (answer: { token: string } | { heldBy: Owner }): string => {
  assert.ok('token' in answer, 'the lease was free')
  return answer.token
}

const stateLaws: readonly Law<MetadataHarness>[] = [
  {
    law: 'a view without a state is version 0; a written state reads back exactly',
    run: async (harness) => {
      await using store = await harness.open(clock)
      assert.deepEqual(await store.runLog.readState('delays'), { version: 0, value: null })
      const swap = await store.runLog.writeState('delays', { expect: 0, value: whole, at: start })
      assert.deepEqual(swap, { kind: 'done', value: { version: 1, value: whole } })
      assert.deepEqual(await store.runLog.readState('delays'), { version: 1, value: whole })
    },
  },
  {
    law: 'a state is written only if it is still at the version expected; a conflict names the one found',
    run: async (harness) => {
      await using store = await harness.open(clock)
      const write = { value: whole, at: start }
      assert.deepEqual(await store.runLog.writeState('delays', { ...write, expect: 1 }), { kind: 'conflict', head: 0 })
      await store.runLog.writeState('delays', { ...write, expect: 0 })
      const next: ViewState = { ...whole, generations: generationsAt(7n) }
      assert.deepEqual(await store.runLog.writeState('delays', { ...write, value: next, expect: 0 }), {
        kind: 'conflict',
        head: 1,
      })
      assert.deepEqual((await store.runLog.readState('delays')).value, whole)
    },
  },
  {
    law: 'a state and a commit are one document: each sees and refuses to overwrite the other, and a commit leaves the progress as it is',
    run: async (harness) => {
      await using store = await harness.open(clock)
      await store.runLog.writeState('delays', { expect: 0, value: whole, at: start })
      const change = (expect: number): Parameters<typeof store.registry.commit>[0] =>
        commitOf('one', 0, { generations: [{ view: 'delays', expect, value: generationsAt(7n) }] })
      assert.deepEqual(await store.registry.commit(change(0)), { kind: 'conflict', head: 0 })
      assert.equal((await store.registry.commit(change(1))).kind, 'done')
      assert.deepEqual(await store.runLog.readState('delays'), {
        version: 2,
        value: { generations: generationsAt(7n), progress: wholeProgress },
      })
      assert.deepEqual(await store.runLog.writeState('delays', { expect: 1, value: whole, at: start }), {
        kind: 'conflict',
        head: 2,
      })
    },
  },
  {
    law: 'a state is stale when the clock is more than 1 s past its instant',
    run: async (harness) => {
      await using store = await harness.open(manualClock(start + 1_000_001n))
      assert.deepEqual(await store.runLog.writeState('delays', { expect: 0, value: whole, at: start }), {
        kind: 'stale',
      })
      assert.equal((await store.runLog.writeState('delays', { expect: 0, value: whole, at: start + 1n })).kind, 'done')
    },
  },
  {
    law: 'under a lease a state is written only while that lease is ours',
    run: async (harness) => {
      await using store = await harness.open(clock)
      const token = tokenOf(await store.runLog.acquire('delays', owner, alive))
      const write = { expect: 0, value: whole, at: start, lease: { name: 'delays', token } }
      assert.deepEqual(
        await store.runLog.writeState('delays', { ...write, lease: { name: 'delays', token: 'mine?' } }),
        { kind: 'conflict', head: -1 },
      )
      assert.equal((await store.runLog.writeState('delays', write)).kind, 'done')
      tokenOf(await store.runLog.acquire('delays', owner, { forMs: 60_000, dead: () => true }))
      assert.deepEqual(await store.runLog.writeState('delays', { ...write, expect: 1 }), { kind: 'conflict', head: -1 })
    },
  },
  {
    law: 'of 20 writers at once each version has one, and nobody is lost',
    run: async (harness) => {
      await using mine = await harness.open(clock)
      await using other = await harness.open(clock)
      await Promise.all(Array.from({ length: 20 }, (_, i) => countUp(i % 2 === 0 ? mine.runLog : other.runLog)))
      const { version, value } = await mine.runLog.readState('delays')
      assert.deepEqual([version, value?.progress.lastAttempt], [20, 20n])
    },
  },
]

async function countUp(runLog: RunLog): Promise<void> {
  for (let tries = 0; tries <= 20; tries++) {
    const { version, value } = await runLog.readState('delays')
    const progress = { ...noProgress, lastAttempt: (value?.progress.lastAttempt ?? 0n) + 1n }
    const swap = await runLog.writeState('delays', {
      expect: version,
      value: { generations: generationsAt(1n), progress },
      at: start,
    })
    if (swap.kind === 'done') return
    assert.equal(swap.kind, 'conflict')
  }
  assert.fail('somebody wins in each round, so 20 rounds are enough for all')
}

const leaseLaws: readonly Law<MetadataHarness>[] = [
  {
    law: 'a lease is held until it is released; who asks meanwhile is told its owner and its end',
    run: async (harness) => {
      await using mine = await harness.open(clock)
      await using other = await harness.open(clock)
      const token = tokenOf(await mine.runLog.acquire('delays', owner, alive))
      const beganMs = Date.now()
      const answer = await other.runLog.acquire('delays', { ...owner, pid: 1 }, alive)
      assert.ok('heldBy' in answer)
      assert.deepEqual(answer.heldBy, owner)
      assert.ok(Math.abs(answer.untilMs - beganMs - 60_000) < 5000)
      tokenOf(await other.runLog.acquire('traffic', owner, alive))
      assert.equal(await other.runLog.renew('delays', 'not the token', 0), false)
      assert.equal(await mine.runLog.renew('delays', token, 0), true)
      assert.equal(await mine.runLog.renew('delays', token, 0), false, 'it is gone')
      assert.notEqual(tokenOf(await other.runLog.acquire('delays', owner, alive)), token)
    },
  },
  {
    law: 'a lease that ended is taken over; its former holder can neither renew nor release it',
    run: async (harness) => {
      await using mine = await harness.open(clock)
      await using other = await harness.open(clock)
      const token = tokenOf(await mine.runLog.acquire('delays', owner, { ...alive, forMs: 20 }))
      await sleep(30)
      const next = tokenOf(await other.runLog.acquire('delays', { ...owner, pid: 1 }, alive))
      assert.notEqual(next, token)
      assert.equal(await mine.runLog.renew('delays', token, 60_000), false)
      assert.equal(await mine.runLog.renew('delays', token, 0), false)
      assert.equal(await other.runLog.renew('delays', next, 60_000), true)
    },
  },
  {
    law: 'renewing moves the end of a lease; one that ended and that nobody took is renewed too',
    run: async (harness) => {
      await using store = await harness.open(clock)
      const token = tokenOf(await store.runLog.acquire('delays', owner, { ...alive, forMs: 20 }))
      await sleep(30)
      assert.equal(await store.runLog.renew('delays', token, 60_000), true)
      assert.ok('heldBy' in (await store.runLog.acquire('delays', owner, alive)))
    },
  },
  {
    law: 'a lease whose owner is dead is taken over at once',
    run: async (harness) => {
      await using store = await harness.open(clock)
      const token = tokenOf(await store.runLog.acquire('delays', owner, alive))
      const asked: Owner[] = []
      const dead = (held: Owner): boolean => asked.push(held) > 0
      const next = tokenOf(await store.runLog.acquire('delays', { ...owner, pid: 1 }, { ...alive, dead }))
      assert.notEqual(next, token)
      assert.deepEqual(asked, [owner])
      assert.equal(await store.runLog.renew('delays', token, 60_000), false)
    },
  },
  {
    law: 'of 20 takers at once one has the lease',
    run: async (harness) => {
      await using mine = await harness.open(clock)
      await using other = await harness.open(clock)
      const takers = Array.from({ length: 20 }, (_, i) =>
        (i % 2 === 0 ? mine : other).runLog.acquire('delays', owner, alive),
      )
      const taken = (await Promise.all(takers)).filter((answer) => 'token' in answer)
      assert.equal(taken.length, 1)
    },
  },
]

const runLaws: readonly Law<MetadataHarness>[] = [
  {
    law: 'a run is inserted, changed by its id and reads back exactly',
    run: async (harness) => {
      await using store = await harness.open(clock)
      const run = runNamed('r1', {
        interval: [-1n, 9_007_199_254_740_993n],
        notes: ['ß'],
        error: { code: 'INTERNAL', detail: '"x"' },
        startedAt: 9_007_199_254_740_993n,
      })
      assert.deepEqual(await store.runLog.putRun(run), run)
      assert.deepEqual(await store.runLog.runs({ id: 'r1', limit: 1 }), [run])
      const changed = { ...run, state: 'running', rows: 5 } as const
      assert.deepEqual(await store.runLog.putRun(changed), changed)
      assert.deepEqual(await store.runLog.runs({ limit: 9 }), [changed])
    },
  },
  {
    law: 'a run is changed only from the states expected; the answer is the record stored now',
    run: async (harness) => {
      await using store = await harness.open(clock)
      const run = runNamed('r1')
      const running = { ...run, state: 'running' } as const
      assert.deepEqual(await store.runLog.putRun(run, ['queued']), run)
      assert.deepEqual(await store.runLog.putRun(running, ['running']), run)
      assert.deepEqual(await store.runLog.putRun(running, ['queued', 'running']), running)
      assert.deepEqual(await store.runLog.putRun(run, []), running)
      assert.deepEqual(await store.runLog.runs({ id: 'r1', limit: 1 }), [running])
    },
  },
  {
    law: 'once set, cancel stays',
    run: async (harness) => {
      await using store = await harness.open(clock)
      await store.runLog.putRun(runNamed('r1', { cancel: true }))
      assert.equal((await store.runLog.putRun(runNamed('r1', { state: 'running' }))).cancel, true)
      assert.equal((await store.runLog.runs({ id: 'r1', limit: 1 }))[0]?.cancel, true)
    },
  },
  {
    law: 'runs are listed newest first, by id, view and state, no more than asked for, and a change does not move one',
    run: async (harness) => {
      await using mine = await harness.open(clock)
      await using other = await harness.open(clock)
      const order = ['r5', 'r1', 'r4', 'r2', 'r3']
      for (const [i, id] of order.entries())
        await (i % 2 === 0 ? mine : other).runLog.putRun(runNamed(id, { view: i < 2 ? 'traffic' : 'delays' }))
      await mine.runLog.putRun(runNamed('r1', { view: 'traffic', state: 'failed' }))
      const ids = async (query: Parameters<RunLog['runs']>[0]): Promise<string[]> =>
        (await other.runLog.runs(query)).map((run) => run.id)
      assert.deepEqual(await ids({ limit: 9 }), order.toReversed())
      assert.deepEqual(await ids({ limit: 2 }), ['r3', 'r2'])
      assert.deepEqual(await ids({ view: 'traffic', limit: 9 }), ['r1', 'r5'])
      assert.deepEqual(await ids({ state: 'failed', limit: 9 }), ['r1'])
      assert.deepEqual(await ids({ view: 'traffic', state: 'queued', limit: 9 }), ['r5'])
      assert.deepEqual(await ids({ id: 'r9', limit: 9 }), [])
    },
  },
]

/** The laws of the run log, each a sentence of its port. */
export const runLogLaws: readonly Law<MetadataHarness>[] = [...stateLaws, ...leaseLaws, ...runLaws]
