import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomUUID } from 'node:crypto'
import { expect, inject, onTestFinished, test } from 'vitest'
import { openLmdbOnline } from '../../src/engines/lmdb/online.ts'
import { memoryOnline } from '../../src/engines/memory/online.ts'
import { openRedisOnline } from '../../src/engines/redis/online.ts'
import type { OnlineMarks, Stamp } from '../../src/ports/marks.ts'
import type { KeyedRow, OnlineStore, Space, SweepRule } from '../../src/ports/online.ts'
import { expected, randomWrites, readRows } from '../../src/testing/online-rows.ts'
import { type Seeded, seeded } from '../../src/testing/seeded.ts'

/** How many histories are lived through, unless HISTORIES says more; ONLINE_SEED tries others. */
const histories = Number(process.env['HISTORIES'] ?? 240)
const firstSeed = Number(process.env['ONLINE_SEED'] ?? 20_261_125)
const stepsEach = 14
/** Histories under way at once: each has keys and spaces of its own. */
const atOnce = 8

type Opened = OnlineStore & OnlineMarks

/** An engine with several handles on one store, as processes hold them. */
interface Engine {
  readonly name: string
  readonly handles: readonly Opened[]
}

async function openAll(): Promise<Engine[]> {
  const dir = await mkdtemp(join(tmpdir(), 'provender-across-'))
  const project = `p${randomUUID()}`
  const { redis: url, cluster } = inject('services')
  const memory = memoryOnline()
  const engines = [
    { name: 'memory', handles: [memory.open(), memory.open()] },
    { name: 'LMDB', handles: [await openLmdbOnline(dir), await openLmdbOnline(dir)] },
    ...[{ url }, { cluster }].map((place) => ({
      name: 'url' in place ? 'Redis' : 'Redis Cluster',
      handles: [openRedisOnline({ place, project }), openRedisOnline({ place, project })],
    })),
  ]
  onTestFinished(async () => {
    for (const { handles } of engines) for (const handle of handles) await handle[Symbol.asyncDispose]()
    await rm(dir, { recursive: true, force: true })
  })
  return engines
}

/** What happens to a store, and what it answers; all stores must answer the same. */
type Step = (engine: Engine) => Promise<unknown>

interface World {
  readonly random: Seeded
  readonly spaces: readonly Space[]
  readonly keys: readonly Uint8Array[]
  /** All that was written to a space since it was last swept or dropped; null where a sweep or a drop makes that say nothing. */
  readonly written: Map<Space, KeyedRow[] | null>
}

const stamps: readonly Stamp[] = [
  { attempt: 0n, state: 'done' },
  { attempt: 5n, state: 'open' },
  { attempt: 5n, state: 'done' },
]

function drawStep(world: World): Step {
  const { random, spaces, keys, written } = world
  const space = random.pick(spaces)
  const handle = random.int(2)
  const on = (work: (store: Opened) => Promise<unknown>): Step => {
    return async ({ handles }) => work(handles[handle] as Opened)
  }
  const choice = random.int(20)
  if (choice < 9) {
    const rows = randomWrites(random, 1 + random.int(12), keys)
    written.get(space)?.push(...rows)
    if (choice < 6) return on(async (store) => store.write(space, rows))
    // Several writers at once: who is refused depends on who comes first; what is there in the end does not.
    const parts = [0, 1, 2].map((part) => random.shuffle(rows).filter((_, i) => i % 3 === part || random.int(3) === 0))
    return async ({ handles }) => {
      await Promise.all([rows, ...parts].map((part, i) => (handles[i % 2] as Opened).write(space, part)))
    }
  }
  if (choice < 12) {
    written.set(space, null)
    const rule = {
      eventBefore: BigInt(random.int(5) - 2),
      revisionUpTo: BigInt(1 + random.int(2)),
      tombstones: random.int(2) === 0,
    }
    return on(async (store) => sweepAll(store, space, rule))
  }
  if (choice < 13) {
    written.set(space, [])
    return on(async (store) => store.drop(space))
  }
  if (choice < 15) {
    const cursor = BigInt(random.int(50))
    return on(async (store) => store.birth(space, cursor))
  }
  if (choice < 17) {
    const [to, stale] = [BigInt(random.int(100)), random.int(4) === 0]
    return on(async (store) => store.moveCursor(space, to, await incarnationOf(store, space, stale)))
  }
  if (choice < 19) {
    const [from, to, stale] = [random.pick([null, ...stamps]), random.pick(stamps), random.int(5) === 0]
    return on(async (store) =>
      store.swapStamp(space, { from, to, incarnation: await incarnationOf(store, space, stale) }),
    )
  }
  const entries = Array.from({ length: 3 }, () => {
    const fingerprint = random.int(4_000_000_000)
    return random.int(3) === 0 ? { fingerprint } : { fingerprint, text: `schema ${fingerprint}` }
  })
  return on(async (store) =>
    store.schemas([...entries, ...entries.map(({ fingerprint }) => ({ fingerprint, text: 'later' }))]),
  )
}

const incarnationOf = async (store: Opened, space: Space, stale: boolean): Promise<string> =>
  `${(await store.readMarks([space]))[0]?.incarnation ?? ''}${stale ? ' of before' : ''}`

async function sweepAll(store: Opened, space: Space, rule: SweepRule): Promise<number> {
  let [freed, after] = [0, undefined as Uint8Array | undefined]
  do {
    const slice = await store.sweep(space, rule, after)
    freed += slice.freed
    after = slice.next ?? undefined
  } while (after !== undefined)
  return freed
}

const hexOf = (row: Uint8Array | null): string | null => (row === null ? null : Buffer.from(row).toString('hex'))

/** Everything that can be seen of a history. */
async function stateOf({ handles }: Engine, { spaces, keys, random }: World): Promise<unknown> {
  const store = handles[random.int(2)] as Opened
  const rows = await readRows(
    store,
    spaces.map((space) => ({ space, keys })),
  )
  const marks = await store.readMarks(spaces)
  return {
    rows: rows.map((of) => of.map(hexOf)),
    marks: marks.map(({ cursor, stamp, held }) => ({ cursor, stamp, held })),
  }
}

async function live(engines: readonly Engine[], seed: number): Promise<void> {
  const random = seeded(seed)
  const spaces: Space[] = [1n, 2n].flatMap((generation) =>
    ['a', 'b'].map((view) => ({ view: `${view}_${seed}`, generation })),
  )
  const keys = Array.from({ length: 8 }, (_, i) => Buffer.from(`${seed} ${i}`))
  const world: World = { random, spaces, keys, written: new Map(spaces.map((space) => [space, []])) }
  const again = `ONLINE_SEED=${seed} HISTORIES=1`
  for (let i = 0; i < stepsEach; i++) {
    const step = drawStep(world)
    const answers = await Promise.all(engines.map(step))
    for (const [j, engine] of engines.entries())
      expect(answers[j], `${engine.name}, step ${i}; ${again}`).toEqual(answers[0])
  }
  const states = await Promise.all(engines.map((engine) => stateOf(engine, world)))
  for (const [j, engine] of engines.entries()) expect(states[j], `${engine.name}; ${again}`).toEqual(states[0])
  // And what they agree on is the law's: the latest of all that was written, where nothing was swept.
  for (const [i, space] of spaces.entries()) {
    const rows = world.written.get(space) ?? null
    if (rows === null) continue
    const latest = expected(rows)
    const found = (states[0] as { rows: (string | null)[][] }).rows[i]
    expect(found, again).toEqual(keys.map((key) => hexOf(latest.get(key.toString('hex')) ?? null)))
  }
  for (const { handles } of engines) for (const space of spaces) await handles[0]?.drop(space)
}

test(
  'whatever was written, swept, stamped and dropped in any interleaving, memory, LMDB, Redis and Redis Cluster hold the same',
  { timeout: 3_600_000 },
  async () => {
    const engines = await openAll()
    let next = firstSeed
    const lives = Array.from({ length: atOnce }, async () => {
      while (next < firstSeed + histories) await live(engines, next++)
    })
    await Promise.all(lives)
    expect(next).toBe(firstSeed + histories)
  },
)
