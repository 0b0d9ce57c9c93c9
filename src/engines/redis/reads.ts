import { abandonable } from '../../kernel/abandon.ts'
import type { Call } from '../../kernel/call.ts'
import { type OnlineStore, longestKeyBytes } from '../../ports/online.ts'
import { byteList, itemsOf } from '../../values/byte-list.ts'
import { entityKey, fieldOf } from './layout.ts'
import { readRows } from './scripts.ts'
import type { Servers } from './servers.ts'
import { type Item, spread } from './spread.ts'

/** Look-ups of one command. */
const keysAtOnce = 512

/** How long a look-up with a deadline waits for its answer, in milliseconds: who asks is told that the store is away, not that time is up. */
const hurryMs = 150

/** A look-up, and where its row is wanted. */
interface Wanted extends Item {
  readonly found: (Uint8Array | null)[]
  readonly at: number
}

/** Look-ups of one turn that one server answers. */
interface Batch {
  readonly items: Wanted[]
  /** Whether somebody has a deadline. */
  hurried: boolean
  readonly start: () => void
  /** Settles when each row is where it is wanted. */
  readonly done: Promise<void>
}

/**
 * Reads rows. All look-ups of one turn of the event loop leave in as few commands as possible, one at least for each server that has
 * some of them: a command for each look-up costs three times as much. Whoever gives up early stops waiting; the others do not notice,
 * nor do those whose rows are all with servers that answer when another one does not.
 */
export function coalescedReads(servers: Servers, project: string): OnlineStore['read'] {
  let turn: Map<number, Batch> | undefined
  const work = { script: readRows, head: () => [], most: keysAtOnce }
  const begin = (): Map<number, Batch> => {
    const batches = new Map<number, Batch>()
    setImmediate(() => {
      turn = undefined
      for (const { start } of batches.values()) start()
    })
    return batches
  }
  const open = (): Batch => {
    const items: Wanted[] = []
    const { promise, resolve: start } = Promise.withResolvers<void>()
    const done = promise.then(async () => {
      const rows = await spread(servers, work, { items, cut }, batch.hurried ? { waitMs: hurryMs } : {})
      for (const [i, { found, at }] of items.entries()) found[at] = rows[i] ?? null
    })
    const batch: Batch = { items, hurried: false, start, done }
    return batch
  }
  return async (requests, call) => {
    const batches = (turn ??= begin())
    const mine: Batch[] = []
    const answers = requests.map(({ space, keys }) => {
      const field = fieldOf(space)
      const found: (Uint8Array | null)[] = []
      for (const [at, key] of itemsOf(keys).entries()) {
        found.push(null)
        if (key === null || key.length > longestKeyBytes) continue
        const hash = entityKey(project, key)
        const group = servers.known?.groupOf(hash) ?? 0
        let batch = batches.get(group)
        if (batch === undefined) batches.set(group, (batch = open()))
        if (!mine.includes(batch)) mine.push(batch)
        batch.items.push({ key: hash, args: [field, hash], found, at })
      }
      return found
    })
    if (call?.deadlineAtMs !== undefined) for (const batch of mine) batch.hurried = true
    const [first] = mine
    await waited(
      mine.length === 1 && first !== undefined ? first.done : Promise.all(mine.map(({ done }) => done)),
      call,
    )
    return answers.map(byteList)
  }
}

/** A number stands for a row that is not here. */
const cut = (answer: unknown): (Uint8Array | null | undefined)[] => {
  const rows = answer as (Buffer | null | number)[]
  return rows.map((row) => (typeof row === 'number' ? undefined : row))
}

/** Who stops waiting must not leave a failure that nobody hears of. */
function waited(work: Promise<unknown>, call: Call | undefined): Promise<unknown> {
  work.catch(() => undefined)
  return abandonable(work, call)
}
