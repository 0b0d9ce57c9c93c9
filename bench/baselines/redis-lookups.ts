import { openRawHashes } from './raw-hashes.ts'

/** Reads batches of rows raw from Redis, so many under way at once, and does nothing with them. */
export async function open(input: unknown): Promise<{
  run(argument: unknown): Promise<Record<string, number>>
  close(): Promise<void>
}> {
  const { url, project } = input as { readonly url: string; readonly project: string }
  const rows = await openRawHashes(url, project)
  return {
    run: async (argument) => {
      const { ids, batch, atOnce } = argument as {
        readonly ids: readonly number[]
        readonly batch: number
        readonly atOnce: number
      }
      let [next, bytes] = [0, 0]
      const caller = async (): Promise<void> => {
        while (next < ids.length) {
          const from = next
          next += batch
          bytes += await rows.bytesOf(ids.slice(from, from + batch))
        }
      }
      await Promise.all(Array.from({ length: atOnce }, caller))
      return { bytes }
    },
    close: async () => rows.close(),
  }
}
