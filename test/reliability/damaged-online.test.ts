import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { damageOf } from '../../src/engines/lmdb/damage.ts'
import { openLmdbOnline } from '../../src/engines/lmdb/online.ts'
import { keyed, packed } from '../../src/testing/online-rows.ts'
import { type Seeded, seeded } from '../../src/testing/seeded.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'provender-online-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const dataFile = (): string => join(folder, 'data.mdb')
const space = { view: 'airports', generation: 1n }
const rows = (count: number, bytes: number): ReturnType<typeof keyed>[] =>
  Array.from({ length: count }, (_, i) => keyed(`key ${i}`, packed({ event: 1 }, 'x'.repeat(bytes))))

function look(): string | undefined {
  const descriptor = openSync(dataFile(), 'r')
  try {
    return damageOf(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

describe('the file of the online store', () => {
  test('cut anywhere, or garbage, is told by name and with what to do; the process lives', async () => {
    {
      await using store = await openLmdbOnline(folder)
      await store.birth(space, 1n)
      for (const bytes of [20, 100, 9000]) await store.write(space, rows(400, bytes))
    }
    const whole = readFileSync(dataFile())
    const random = seeded(Number(process.env['DAMAGE_SEED'] ?? 1))
    const cuts = [1, 4095, 4096, 8191, 8192, 12_288, whole.length - 1, whole.length >> 1]
    const random20 = Array.from({ length: 20 }, () => 1 + random.int(whole.length - 1))
    const garbage = [
      Buffer.alloc(whole.length, 'garbage '),
      Buffer.from('no file of LMDB'),
      Buffer.concat([whole.subarray(0, 8192), Buffer.alloc(whole.length - 8192, 'garbage ')]),
      Buffer.concat([whole.subarray(0, 8192), Buffer.alloc(whole.length - 8192)]),
    ]
    let told = 0
    for (const content of [...[...cuts, ...random20].map((end) => whole.subarray(0, end)), ...garbage]) {
      writeFileSync(dataFile(), content)
      const opened = await openLmdbOnline(folder).catch((thrown: unknown) => thrown)
      if (opened instanceof Error) {
        expect([content.length, opened]).toMatchObject([
          content.length,
          {
            code: 'CORRUPT_STORE',
            message: expect.stringContaining(dataFile()) as string,
            remedy: expect.stringMatching(/materialize.*docs\/guide\/operating\.md#restore/s) as string,
          },
        ])
        told++
        continue
      }
      // What was cut off were free pages.
      await using store = opened as Awaited<ReturnType<typeof openLmdbOnline>>
      expect(await store.sweep(space, { eventBefore: 0n, revisionUpTo: 0n, tombstones: false })).toMatchObject({
        freed: 0,
      })
    }
    expect(told).toBeGreaterThan(28)
    writeFileSync(dataFile(), whole)
    await using store = await openLmdbOnline(folder)
    expect((await store.readMarks([space]))[0]?.cursor).toBe(1n)
  })

  test('is never taken for damaged while it is whole, whatever was written and freed', async () => {
    const random = seeded(Number(process.env['DAMAGE_SEED'] ?? 1))
    let short = 0
    for (let life = 0; life < 40; life++) {
      await using store = await openLmdbOnline(folder)
      for (let step = 0; step < 12; step++) {
        await happen(store, random, step)
        expect(look(), `life ${life}, step ${step}`).toBeUndefined()
        if (isShort()) short++
      }
      rmSync(folder, { recursive: true })
    }
    // Files whose last pages were never written, which are looked at whole.
    expect(short).toBeGreaterThan(0)
  })

  test('is never taken for damaged while another process writes it', async () => {
    await using store = await openLmdbOnline(folder)
    await store.write(space, rows(2000, 100))
    const program = join(import.meta.dirname, '../support/lmdb-writer.ts')
    const child = spawn(process.execPath, [program, folder, '1', '4000'], { stdio: 'ignore' })
    const ended = once(child, 'exit')
    let looks = 0
    while (child.exitCode === null) {
      expect(look()).toBeUndefined()
      looks++
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    expect((await ended)[0]).toBe(0)
    expect(looks).toBeGreaterThan(50)
  })
})

/** Something is written or freed. */
async function happen(store: Awaited<ReturnType<typeof openLmdbOnline>>, random: Seeded, step: number): Promise<void> {
  const of = { view: 'airports', generation: BigInt(random.int(4)) }
  const bytes = random.pick([20, 200, 6000])
  const row = () => keyed(`key ${random.int(5000)}`, packed({ event: step }, 'x'.repeat(random.int(bytes))))
  const things = [
    async () => void (await store.write(of, Array.from({ length: random.int(100) }, row))),
    async () => void (await store.write(of, Array.from({ length: random.int(10) }, row))),
    () => store.drop(of),
  ]
  await random.pick(things)()
}

/** Whether the file has fewer pages than its head counts. */
function isShort(): boolean {
  const head = readFileSync(dataFile()).subarray(0, 8192)
  const metas = [0, 4096].map((at) => ({
    last: head.readUIntLE(at + 144, 6),
    transaction: head.readUIntLE(at + 152, 6),
  }))
  const [newest] = metas.toSorted((a, b) => b.transaction - a.transaction)
  return statSync(dataFile()).size < ((newest?.last ?? 0) + 1) * 4096
}
