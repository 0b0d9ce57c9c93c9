// A process that writes to an online store: node lmdb-writer.ts FOLDER SEED WRITES. At its end it prints the median of what its writes took, in milliseconds.
import { randomWrites } from '../../src/testing/online-rows.ts'
import { openLmdbOnline } from '../../src/engines/lmdb/online.ts'
import { seeded } from '../../src/testing/seeded.ts'

export const hotKeys = Array.from({ length: 20 }, (_, i) => Buffer.from(`hot-${i}`))
export const hotSpace = Object.freeze({ view: 'hot', generation: 1n })

/** The writes that a seed stands for. */
export const writesOf = (seed: number, count: number): ReturnType<typeof randomWrites> =>
  randomWrites(seeded(seed), count, hotKeys)

async function main(folder: string, seed: number, count: number): Promise<void> {
  await using store = await openLmdbOnline(folder)
  const random = seeded(seed + 1000)
  const writes = writesOf(seed, count)
  const tookMs: number[] = []
  for (let i = 0; i < writes.length;) {
    const startMs = performance.now()
    const sends = Array.from({ length: 1 + random.int(3) }, () => {
      const size = 1 + random.int(20)
      const batch = writes.slice(i, i + size)
      i += size
      return store.write(hotSpace, batch)
    })
    await Promise.all(sends)
    tookMs.push(performance.now() - startMs)
  }
  console.log(tookMs.sort((a, b) => a - b)[tookMs.length >> 1])
}

if (import.meta.main) await main(process.argv[2] ?? '', Number(process.argv[3]), Number(process.argv[4]))
