import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open as openLmdb } from 'lmdb'

const prefixBytes = 19
const keyBytes = prefixBytes + 8
/** What a packed row of the ten features takes; 32 bytes behind the first 14 say which row is the later. */
const rowBytes = 117
const [placeAt, placeEnd] = [14, 46]
const rowsPerTransaction = 10_000

/**
 * One compare-and-put per entity, as one would write it by hand: keys in order, ten thousand to a transaction, each durable. Keys and
 * rows are there before; each run begins with an empty file.
 */
export async function open(input: unknown): Promise<{ run(): Promise<Record<string, number>> }> {
  const { entities } = input as { readonly entities: number }
  const keys = Buffer.alloc(entities * keyBytes)
  const rows = Buffer.alloc(entities * rowBytes)
  let state = 1
  for (let i = 0; i < entities; i++) {
    keys.writeBigInt64BE(BigInt(i), i * keyBytes + prefixBytes)
    for (let at = 0; at < rowBytes - 4; at += 4) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      rows.writeUInt32LE(state, i * rowBytes + at)
    }
  }
  return {
    run: async () => {
      const dir = await mkdtemp(join(tmpdir(), 'provender-bench-'))
      const database = openLmdb<Buffer, Buffer>({
        path: dir,
        noSubdir: false,
        overlappingSync: false,
        encoding: 'binary',
        keyEncoding: 'binary',
      })
      try {
        let written = 0
        for (let from = 0; from < entities; from += rowsPerTransaction) {
          await database.transaction(() => {
            for (let i = from; i < Math.min(entities, from + rowsPerTransaction); i++) {
              const key = keys.subarray(i * keyBytes, (i + 1) * keyBytes)
              const row = rows.subarray(i * rowBytes, (i + 1) * rowBytes)
              const old = database.getBinaryFast(key)
              if (old !== undefined && row.compare(old, placeAt, placeEnd, placeAt, placeEnd) < 0) continue
              void database.put(key, row)
              written++
            }
          })
        }
        return { written }
      } finally {
        await database.close()
        await rm(dir, { recursive: true, force: true })
      }
    },
  }
}
