import { openRawRows } from './raw-rows.ts'

/** The same keys read raw from LMDB, and nothing made of what is found. */
export async function open(input: unknown): Promise<{
  run(argument: unknown): Promise<Record<string, number>>
  close(): Promise<void>
}> {
  const rows = openRawRows((input as { readonly dir: string }).dir)
  return {
    run: async (argument) => {
      const { ids } = argument as { readonly ids: readonly number[] }
      let bytes = 0
      for (const id of ids) bytes += rows.get(id).length
      return { bytes }
    },
    close: () => rows.close(),
  }
}
