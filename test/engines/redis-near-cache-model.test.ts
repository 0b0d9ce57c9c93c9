import { expect, test } from 'vitest'
import { NearCache } from '../../src/engines/redis/near-cache.ts'
import { byteList } from '../../src/values/byte-list.ts'
import { type Seeded, seeded } from '../../src/testing/seeded.ts'

/** How many histories are lived through, unless HISTORIES says more; NEAR_SEED tries others. */
const histories = Number(process.env['HISTORIES'] ?? 3000)
const firstSeed = Number(process.env['NEAR_SEED'] ?? 1)
const stepsEach = 60
const maxAgeMs = 10

const fields = [Buffer.from('f'), Buffer.from('g')]
const keys = ['a', 'b', 'c']

/** A server with two connections to it, each of which brings things in their order, but neither in that of the other. */
class Server {
  epoch: number | undefined = 1
  #epochs = 1
  readonly rows = new Map<string, number>()
  /** Answers that are under way, and what was told and is not yet heard: keys, or null for all. */
  answers: (() => void)[] = []
  told: (string | null)[] = []

  write(key: string, value: number): void {
    for (const field of fields.keys()) this.rows.set(`${key}${field}`, value)
    if (this.epoch !== undefined) this.told.push(key)
  }

  empty(): void {
    this.rows.clear()
    if (this.epoch !== undefined) this.told.push(null)
  }

  /** A connection is lost: what was told comes no more, nor do answers that say so. */
  lose(): void {
    this.epoch = undefined
    this.told = []
  }

  begin(): void {
    this.epoch ??= ++this.#epochs
  }
}

function live(random: Seeded, again: string): number {
  const server = new Server()
  const cache = new NearCache({ maxAgeMs, entries: 4, megabytes: 1 })
  let [nowMs, value, hits] = [0, 0, 0]
  /** When each value of a key was written. */
  const writes = new Map<string, { readonly value: number; readonly atMs: number }[]>(keys.map((key) => [key, []]))
  const read = (): void => {
    const [key, f] = [random.pick(keys), random.int(2)]
    const field = fields[f] as Buffer
    const of = cache.of(key)
    const found = cache.find(of, field, nowMs)
    if (found === undefined) {
      const kept = cache.expect({ key, field, tracker: server }, of, nowMs)
      // The server looks now; the answer comes whenever it comes.
      const row = server.rows.get(`${key}${f}`)
      const fails = random.int(10) === 0
      server.answers.push(() => {
        if (kept === undefined) return
        cache.fill(kept, fails ? null : byteList([row === undefined ? null : Uint8Array.of(row >> 8, row & 255)]))
      })
      return
    }
    hits += 1
    const bytes = Buffer.from(found.row ?? '\0\0', 'latin1')
    const got = bytes.readUInt16BE()
    // Whatever is lost on the way, no write is missed for longer than the bound.
    const due = (writes.get(key) ?? []).filter(({ atMs }) => atMs + maxAgeMs < nowMs)
    expect(got, `older than the bound; ${again}`).toBeGreaterThanOrEqual(due.at(-1)?.value ?? 0)
    // While somebody tells, what differs is what is not yet heard.
    if (!server.told.some((told) => told === null || told === key))
      expect(got, `nothing is left to hear; ${again}`).toBe(server.rows.get(`${key}${f}`) ?? 0)
  }
  for (let step = 0; step < stepsEach; step++) {
    const choice = random.int(20)
    if (choice < 8) read()
    else if (choice < 11) server.answers.shift()?.()
    else if (choice < 14) {
      if (server.told.length === 0) continue
      const told = server.told.shift()
      if (told === null) cache.clear()
      else if (told !== undefined) cache.forget(told)
    } else if (choice < 17) {
      const key = random.pick(keys)
      server.write(key, ++value)
      writes.get(key)?.push({ value, atMs: nowMs })
    } else if (choice === 17) nowMs += random.int(8)
    else if (random.int(3) === 0) server.lose()
    else if (random.int(20) === 0) {
      server.empty()
      for (const list of writes.values()) list.length = 0
    } else server.begin()
    expect(cache.rows, again).toBeLessThanOrEqual(4 + server.answers.length)
  }
  return hits
}

test('in any order of writes, answers, messages and lost connections, what is kept is the store’s, or still to be told of, and young', () => {
  let hits = 0
  for (let seed = firstSeed; seed < firstSeed + histories; seed++)
    hits += live(seeded(seed), `NEAR_SEED=${seed} HISTORIES=1`)
  expect(hits).toBeGreaterThan(histories)
})

test('what is told of while it is read, or read of a server that then tells no more, takes no room', () => {
  const cache = new NearCache({ maxAgeMs, entries: 100, megabytes: 1 })
  const server = new Server()
  const [field = Buffer.of()] = fields
  const read = (key: string): Parameters<NearCache['fill']>[0] | undefined =>
    cache.expect({ key, field, tracker: server }, cache.of(key), 0)
  const row = byteList([new Uint8Array(100_000)])
  // Of each so many that they would take all the room that there is.
  for (let i = 0; i < 30; i++) {
    const told = read(`told ${i}`)
    cache.forget(`told ${i}`)
    if (told !== undefined) cache.fill(told, row)
    const lost = read(`lost ${i}`)
    server.lose()
    if (lost !== undefined) cache.fill(lost, row)
    server.begin()
    expect(cache.rows).toBe(0)
  }
  for (let i = 0; i < 9; i++) {
    const kept = read(`kept ${i}`)
    if (kept !== undefined) cache.fill(kept, row)
  }
  expect(cache.rows).toBe(9)
  expect(cache.find(cache.of('kept 0'), field, 0)).toBeDefined()
})
