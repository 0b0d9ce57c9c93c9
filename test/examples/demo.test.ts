import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { servedHours, testEnd, testStart } from '../../examples/flights/demo/calendar.ts'
import { demoClock } from '../../examples/flights/demo/clock.ts'
import { isPortFree } from '../../examples/flights/demo/port.ts'
import type { Served } from '../../examples/flights/demo/replay.ts'
import type { Score } from '../../examples/flights/demo/scores.ts'
import { verdict } from '../../examples/flights/demo/verdict.ts'
import { makeWorkingCopy } from '../../examples/flights/demo/working-copy.ts'

const HOUR_MS = 3_600_000

describe('the served hours', () => {
  test('are at least a hundred, within June, every hour of the day equally often', () => {
    const hours = servedHours()
    expect(hours.length).toBeGreaterThanOrEqual(100)
    expect(hours.every(({ start, clock }) => start >= testStart && clock < testEnd)).toBe(true)
    const perHour = Map.groupBy(hours, ({ start }) => start.getUTCHours())
    expect([...perHour.values()].map((each) => each.length)).toEqual(Array.from({ length: 24 }, () => 6))
  })

  test('begin on a tick and hold no other: what is known at their end was known at every departure', () => {
    for (const { start, clock } of servedHours()) {
      expect(start.getTime() % HOUR_MS).toBe(0)
      expect(Math.floor(clock.getTime() / HOUR_MS)).toBe(start.getTime() / HOUR_MS)
    }
  })
})

test('the clock stands still until it runs', async () => {
  const clock = demoClock(testStart)
  const start = BigInt(testStart.getTime()) * 1000n
  await new Promise((resolve) => setTimeout(resolve, 5))
  expect(clock.now()).toBe(start)
  clock.run()
  await new Promise((resolve) => setTimeout(resolve, 5))
  expect(clock.now()).toBeGreaterThan(start)
  clock.stopAt(testEnd)
  expect(clock.now()).toBe(BigInt(testEnd.getTime()) * 1000n)
})

test('a port in use is not free', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  expect(await isPortFree('127.0.0.1', port)).toBe(false)
  server.close()
  await once(server, 'close')
  expect(await isPortFree('127.0.0.1', port)).toBe(true)
})

describe('the verdict', () => {
  const served: Served = {
    hours: 144,
    rows: Uint32Array.of(0),
    features: [],
    written: 1,
    differences: 0,
    materializeSeconds: 1,
    readSeconds: 1,
  }
  const scores = (naive: [number, number], pointInTime: [number, number]): Score[] => [
    { join: 'naive join', claims: naive[0], serves: naive[1], claimsAll: naive[0] },
    { join: 'point-in-time join', claims: pointInTime[0], serves: pointInTime[1], claimsAll: pointInTime[0] },
  ]

  test('is empty when all is well', () => {
    expect(verdict(served, scores([0.9, 0.6], [0.7, 0.7]))).toEqual([])
  })

  test.each([
    ['too few hours', { ...served, hours: 99 }, scores([0.9, 0.6], [0.7, 0.7]), 'only 99 hours'],
    [
      'a value that differs',
      { ...served, differences: 1, firstDifference: 'this one' },
      scores([0.9, 0.6], [0.7, 0.7]),
      'this one',
    ],
    ['no leak', served, scores([0.8, 0.7], [0.7, 0.7]), 'naive'],
    ['a claim that is not kept', served, scores([0.9, 0.6], [0.71, 0.7]), 'point-in-time'],
    ['a figure that is missing', served, scores([0.9, Number.NaN], [0.7, 0.7]), 'naive'],
  ])('names %s', (_, what, figures, word) => {
    const failures = verdict(what, figures)
    expect(failures).toHaveLength(1)
    expect(failures[0]).toContain(word)
  })
})

describe('the working copy', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'provender-demo-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  test('is the feature repository, fresh each time', async () => {
    await makeWorkingCopy(folder)
    expect((await readdir(folder)).toSorted()).toEqual([
      '.demo',
      'DATA-LICENCE.md',
      'data',
      'features',
      'provender.yaml',
    ])
    await writeFile(join(folder, 'provender.yaml'), 'project: other\n')
    await makeWorkingCopy(folder)
    expect(await readFile(join(folder, 'provender.yaml'), 'utf8')).toContain('project: flights')
  })

  test("is not put over somebody else's files", async () => {
    await writeFile(join(folder, 'provender.yaml'), 'project: mine\n')
    await expect(makeWorkingCopy(folder)).rejects.toThrow("is not the demo's")
    expect(await readFile(join(folder, 'provender.yaml'), 'utf8')).toBe('project: mine\n')
  })
})
