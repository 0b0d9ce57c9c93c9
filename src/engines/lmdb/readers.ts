import { Environment } from './environment.ts'

/** Places for readers of an online store: how many there are, how many are taken, and how many this look has freed. */
export interface Readers {
  readonly places: number
  readonly taken: number
  /** Of processes that were killed: until then they kept old pages from being used again. */
  readonly freed: number
}

/**
 * Looks at who reads the online store in a folder.
 * @throws as opening it does.
 */
export async function readersOf(folder: string): Promise<Readers> {
  const environment = await Environment.open(folder)
  try {
    return await environment.read(({ root }) => {
      const freed = root.readerCheck()
      const { maxReaders, numReaders } = root.getStats() as Readonly<Record<string, unknown>>
      return { places: Number(maxReaders), taken: Math.max(0, Number(numReaders) - freed), freed }
    })
  } finally {
    await environment.close()
  }
}
