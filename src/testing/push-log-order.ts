import assert from 'node:assert/strict'
import type { LogRecord } from '../ports/push-log.ts'
import type { Law } from './law.ts'
import { seeded } from './seeded.ts'
import {
  type PushLogHarness,
  airports,
  assertRead,
  edgeRecord,
  flights,
  letter,
  positionOf,
  put,
  readAll,
  record,
  row,
  start,
  taken,
} from './push-log-records.ts'

/** Order, ranges, the head, and what maintenance may change. */
export const pushLogOrderLaws: readonly Law<PushLogHarness>[] = [
  {
    law: 'an empty log has a head, and nothing below it',
    async run(harness) {
      await using log = await harness.open()
      const head = await log.head()
      assert.ok(head >= 0n)
      assert.deepEqual(await readAll(log), [])
      assert.deepEqual(await log.append([]), [])
      assert.equal(await log.head(), head)
    },
  },
  {
    law: 'records are read back as they were appended, values of every type to the bit',
    async run(harness) {
      await using log = await harness.open()
      const records = [
        record([1, 2]),
        edgeRecord(),
        record([3], { target: flights, to: 'online' }),
        record([], { deadLetters: [letter(1)] }),
        record([4], { to: 'offline', columns: [], rows: [{ ...row(4), values: [] }] }),
      ]
      const answers = await log.append(records)
      const positions = answers.map(positionOf)
      assert.deepEqual(
        positions,
        positions.toSorted((a, b) => (a < b ? -1 : 1)),
      )
      assertRead(
        await readAll(log),
        records.flatMap((each, i) => (each.rows.length === 0 ? [] : [[positions[i] ?? -1n, each] as const])),
      )
    },
  },
  {
    law: 'a reading of some targets is the reading of all without the others, whatever maintenance did meanwhile',
    async run(harness) {
      const random = seeded(5)
      await using log = await harness.open()
      const all = [airports, flights, { kind: 'source', name: 'airports' }, { kind: 'view', name: 'flights' }] as const
      for (let round = 0; round < 4; round++) {
        for (let i = 0; i < 12; i++) await put(log, record([round * 100 + i], { target: random.pick(all) }))
        if (round > 0) await log.maintain({ purge: [], nowUs: start })
        const everything = await readAll(log)
        const from = random.pick(everything).position
        for (const targets of [[], [airports], [flights, ...all.slice(2)], all]) {
          const wanted = everything.filter(
            ({ position, record: { target } }) =>
              position >= from && targets.some((each) => each.kind === target.kind && each.name === target.name),
          )
          assert.deepEqual(await readAll(log, from, undefined, targets), wanted)
        }
      }
    },
  },
  {
    law: 'positions only grow, and what one handle appends every other one sees at once',
    async run(harness) {
      await using log = await harness.open()
      await using other = await harness.open()
      const expected: [bigint, LogRecord][] = []
      for (let n = 0; n < 10; n++) {
        const [writer, reader] = n % 2 === 0 ? [log, other] : [other, log]
        expected.push([await put(writer, record([n])), record([n])])
        assertRead(await readAll(reader), expected)
      }
      assert.ok(expected.every(([position], i) => i === 0 || position > (expected[i - 1]?.[0] ?? 0n)))
      await using late = await harness.open()
      assertRead(await readAll(late), expected)
    },
  },
  {
    law: 'the head is above every answered append, at most the position of every later one, and does not go back',
    async run(harness) {
      await using log = await harness.open()
      await using other = await harness.open()
      let last = await log.head()
      for (let n = 0; n < 6; n++) {
        const position = await put(log, record([n]))
        assert.ok(position >= last, 'an append lies at or above a head read before it')
        const [a, b] = [await log.head(), await other.head()]
        assert.ok(a > position && b > position, 'a head lies above what was answered')
        last = a > b ? a : b
      }
    },
  },
  {
    law: 'a range is from inclusive, to exclusive, wherever it begins',
    async run(harness) {
      await using log = await harness.open()
      const records = [0, 1, 2, 3, 4, 5].map((n) => record([n]))
      const positions = [...(await log.append(records.slice(0, 4))), ...(await log.append(records.slice(4)))].map(
        positionOf,
      )
      const all = positions.map((position, i) => [position, records[i] ?? record([])] as const)
      const marks = [0n, ...positions, await log.head()]
      for (const from of marks)
        for (const before of marks)
          assertRead(
            await readAll(log, from, before),
            all.filter(([p]) => p >= from && p < before),
          )
    },
  },
  {
    law: 'appends at the same time from two handles all count, each once, in one order for all',
    async run(harness) {
      await using log = await harness.open()
      await using other = await harness.open()
      const records = Array.from({ length: 60 }, (_, n) => record([n, n + 100]))
      const positions = await Promise.all(records.map(async (each, n) => put(n % 3 === 0 ? other : log, each)))
      const expected = records
        .map((each, n) => [positions[n] ?? -1n, each] as const)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
      assertRead(await readAll(log), expected)
      assertRead(await readAll(other), expected)
    },
  },
  {
    law: 'maintenance changes nothing that is read, for whoever reads',
    async run(harness) {
      await using log = await harness.open()
      await using other = await harness.open()
      const random = seeded(11)
      const expected: [bigint, LogRecord][] = []
      for (let round = 0; round < 5; round++) {
        const target = random.pick([airports, flights])
        const columns = random.pick([
          record([]).columns,
          [
            { name: 'airport', type: 'string' },
            { name: 'delay', type: 'float64' },
          ] as const,
        ])
        const records = [
          record([round * 10, round * 10 + 1], { target, to: random.pick(['both', 'online', 'offline']), columns }),
          record([round * 10 + 2], { deadLetters: [letter(round)], idempotency: taken(`key ${round}`) }),
          ...(round === 0 ? [edgeRecord()] : []),
        ]
        const positions = (await random.pick([log, other]).append(records)).map(positionOf)
        expected.push(...records.map((each, i): [bigint, LogRecord] => [positions[i] ?? -1n, each]))
        const head = await log.head()
        await random.pick([log, other]).maintain({ purge: [], nowUs: start })
        assert.ok((await other.head()) >= head)
        for (const handle of [log, other]) {
          assertRead(await readAll(handle), expected)
          const from = random.pick(expected)[0]
          assertRead(
            await readAll(handle, from),
            expected.filter(([p]) => p >= from),
          )
          assert.equal((await handle.deadLetters({ limit: 99 })).length, round + 1)
          assert.deepEqual(await handle.lookup('key 0', start + 1n), taken('key 0'))
        }
      }
      await using late = await harness.open()
      assertRead(await readAll(late), expected)
      assert.deepEqual((await late.append([record([7], { idempotency: taken('key 1', start + 5n) })]))[0], {
        kind: 'repeated',
        earlier: taken('key 1'),
      })
      assert.deepEqual(
        await late.deadLetters({ limit: 99 }),
        [0, 1, 2, 3, 4].map((n) => letter(n)),
      )
    },
  },
  {
    law: "a purge takes a target's rows and dead letters below a position, and nothing else",
    async run(harness) {
      await using log = await harness.open()
      await using other = await harness.open()
      const namesake = { kind: 'source', name: airports.name } as const
      const old = await log.append([
        record([1], { idempotency: taken('one') }),
        record([2], { target: namesake }),
        record([], { deadLetters: [letter(1), letter(2, flights)] }),
      ])
      const below = await log.head()
      const late = await log.append([record([3]), record([], { deadLetters: [letter(3)] })])
      const kept = [
        [positionOf(old[1]), record([2], { target: namesake })],
        [positionOf(late[0]), record([3])],
      ] as const
      await log.maintain({ purge: [{ target: airports, below }], nowUs: start })
      for (const handle of [log, other]) {
        assertRead(await readAll(handle), kept)
        assert.deepEqual(await handle.deadLetters({ limit: 9 }), [letter(2, flights), letter(3)])
        assert.deepEqual(await handle.lookup('one', start), taken('one'))
      }
      const again = await put(other, record([4]))
      await other.maintain({ purge: [], nowUs: start })
      assertRead(await readAll(log), [...kept, [again, record([4])]])
    },
  },
]
