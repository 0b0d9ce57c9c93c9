import { openStore } from 'provender'
import { featureTypes } from '../data/feature-file.ts'
import { servedView } from '../data/online-store.ts'

/** Looks entities up in process, one by one or in batches, and takes every value. */
export async function open(input: unknown): Promise<{
  run(argument: unknown): Promise<Record<string, number>>
  close(): Promise<void>
}> {
  const { dir } = input as { readonly dir: string }
  const store = await openStore(dir)
  const names = Object.keys(featureTypes)
  return {
    run: async (argument) => {
      const { ids, batch } = argument as { readonly ids: readonly number[]; readonly batch: number }
      let values = 0
      for (let i = 0; i < ids.length; i += batch) {
        const rows = await store.online(
          servedView,
          ids.slice(i, i + batch).map((id) => ({ id })),
        )
        for (const row of rows) for (const name of names) if (row[name] !== null) values++
      }
      return { values }
    },
    close: async () => store[Symbol.asyncDispose](),
  }
}
