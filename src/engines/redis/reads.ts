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

interface Batch {
  readonly items: Item[]
  /** Whether somebody has a deadline. */
  hurried: boolean
  readonly rows: Promise<(Uint8Array | null)[]>
}

/**
 * Reads rows. All look-ups of one turn of the event loop leave in as few commands as possible: a command for each costs three
 * times as much. Whoever gives up early stops waiting; the others do not notice.
 */
export function coalescedReads(servers: Servers, project: string): OnlineStore['read'] {
  let batch: Batch | undefined
  const cut = (answer: unknown): (Uint8Array | null | undefined)[] =>
    (answer as (Buffer | null | number)[]).map((row) => (typeof row === 'number' ? undefined : row))
  const work = { script: readRows, head: () => [], most: keysAtOnce }
  const open = (): Batch => {
    const items: Item[] = []
    const opened: Batch = {
      items,
      hurried: false,
      rows: new Promise<void>((resolve) => setImmediate(resolve)).then(async () => {
        batch = undefined
        return spread(servers, work, { items, cut }, opened.hurried ? { waitMs: hurryMs } : {})
      }),
    }
    return opened
  }
  return async (requests, call) => {
    const asked = (batch ??= open())
    if (call?.deadlineAtMs !== undefined) asked.hurried = true
    const places = requests.map(({ space, keys }) => {
      const field = fieldOf(space)
      return itemsOf(keys).map((key) => {
        if (key === null || key.length > longestKeyBytes) return -1
        const hash = entityKey(project, key)
        return asked.items.push({ key: hash, args: [field, hash] }) - 1
      })
    })
    const rows = await waited(asked.rows, call)
    return places.map((of) => byteList(of.map((place) => rows[place] ?? null)))
  }
}

/** Who stops waiting must not leave a failure that nobody hears of. */
function waited<T>(work: Promise<T>, call: Call | undefined): Promise<T> {
  work.catch(() => undefined)
  return abandonable(work, call)
}
