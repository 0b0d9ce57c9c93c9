import { Redis } from 'ioredis'

/** Rows read raw from Redis, as one would by hand: one HMGET an entity, those of a batch in one pipeline. */
export interface RawHashes {
  /** The rows of some ids, and how many bytes they have together. */
  bytesOf(ids: readonly number[]): Promise<number>
  close(): void
}

const idBytes = 8

/** Opens the rows of a project, each in a hash of one field. All keys are alike but for an int64 before their last byte. */
export async function openRawHashes(url: string, project: string): Promise<RawHashes> {
  const redis = new Redis(url)
  const [first] = await someKeys(redis, `pv:{${project}:*}`)
  const [field] = first === undefined ? [] : await redis.hkeysBuffer(first)
  if (first === undefined || field === undefined) throw new Error('There is a row')
  const keyOf = (id: number): Buffer => {
    const key = Buffer.from(first)
    key.writeBigInt64BE(BigInt(id), key.length - 1 - idBytes)
    return key
  }
  return {
    async bytesOf(ids) {
      const pipeline = redis.pipeline()
      for (const id of ids) pipeline.hmgetBuffer(keyOf(id), field)
      let bytes = 0
      for (const [error, found] of (await pipeline.exec()) ?? []) {
        const [row] = error === null ? (found as readonly (Buffer | null)[]) : []
        if (row === null || row === undefined) throw new Error('Every entity has a row')
        bytes += row.length
      }
      return bytes
    },
    close: () => redis.disconnect(),
  }
}

async function someKeys(redis: Redis, pattern: string): Promise<readonly Buffer[]> {
  let cursor = '0'
  do {
    const [next, keys] = await redis.scanBuffer(cursor, 'MATCH', pattern, 'COUNT', 1000)
    if (keys.length > 0) return keys
    cursor = next.toString()
  } while (cursor !== '0')
  return []
}
