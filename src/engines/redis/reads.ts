import { abandonable } from '../../kernel/abandon.ts'
import { fail, isProvenderError } from '../../kernel/errors.ts'
import { type OnlineStore, longestKeyBytes } from '../../ports/online.ts'
import { type ByteList, countOf, endOf, startOf } from '../../values/byte-list.ts'
import { isElsewhere } from './failure.ts'
import { entityKey, fieldOf } from './layout.ts'
import type { Argument, RedisNode } from './node.ts'
import {
  type ReadPart,
  type ReadTarget,
  answersOf,
  itemsOf,
  keysAtOnce,
  listOf,
  readArguments,
  takeRows,
  targetOf,
} from './read-batch.ts'
import { readRows } from './scripts.ts'
import type { Group, Servers } from './servers.ts'
import { type Item, spread } from './spread.ts'

/** How long a look-up with a deadline waits for its answer, in milliseconds: who asks is told that the store is away, not that time is up. */
const hurryMs = 150

/** Somebody who asked, and waits until each of his rows is there. */
interface Waiting {
  readonly targets: readonly ReadTarget[]
  readonly deadlineAtMs: number | undefined
  readonly resolve: (lists: ByteList[]) => void
  readonly reject: (error: unknown) => void
  /** Batches that have some of his rows. */
  open: number
  timer: NodeJS.Timeout | undefined
}

/** Look-ups of one turn that one server answers, and who waits for them. */
interface Batch {
  /** The server that should have the keys; undefined where nobody knows. */
  readonly node: RedisNode | undefined
  readonly parts: ReadPart[]
  readonly waiting: Waiting[]
  keys: number
  /** Whether somebody has a deadline. */
  hurried: boolean
}

/** Whose keys are looked up, and where. */
interface Place {
  readonly servers: Servers
  readonly project: string
}

/**
 * Reads rows. All look-ups of one turn of the event loop leave in as few commands as possible, one at least for each server that has
 * some of them: a command for each look-up costs three times as much. Whoever gives up early stops waiting; the others do not notice,
 * nor do those whose rows are all with servers that answer when another one does not. The rows of one answer share its memory: who
 * keeps one for long keeps all.
 */
export function coalescedReads(servers: Servers, project: string): OnlineStore['read'] {
  const place = { servers, project }
  let turn: Batch[] | undefined
  const begin = (): Batch[] => {
    const batches: Batch[] = []
    setImmediate(() => {
      turn = undefined
      for (const batch of batches) void answer(place, batch)
    })
    return batches
  }
  const batchOf = (node: RedisNode | undefined): Batch => {
    const batches = (turn ??= begin())
    const last = batches.findLast((batch) => batch.node === node)
    if (last !== undefined && last.keys < keysAtOnce) return last
    const batch = { node, parts: [], waiting: [], keys: 0, hurried: false }
    batches.push(batch)
    return batch
  }
  return (requests, call) => {
    const { promise, resolve, reject } = Promise.withResolvers<ByteList[]>()
    const targets = requests.map(({ keys }) => targetOf(keys))
    const waiting: Waiting = {
      targets,
      deadlineAtMs: call?.deadlineAtMs,
      resolve,
      reject,
      open: 0,
      timer: undefined,
    }
    for (let r = 0; r < requests.length; r++) {
      const [request, target] = [requests[r], targets[r]]
      if (request === undefined || target === undefined) break
      const { space, keys } = request
      const field = fieldOf(space)
      for (let i = 0; i < countOf(keys); i++) {
        const start = startOf(keys, i)
        const end = endOf(keys, i)
        if (start < 0 || end - start > longestKeyBytes) continue
        const batch = batchOf(nodeOf(place, keys.bytes, start, end))
        batch.keys += 1
        const last = batch.parts.at(-1)
        if (last?.target === target) last.at.push(i)
        else batch.parts.push({ field, keys, at: [i], target })
        if (batch.waiting.at(-1) === waiting) continue
        batch.waiting.push(waiting)
        waiting.open += 1
        batch.hurried ||= waiting.deadlineAtMs !== undefined
      }
    }
    if (waiting.open === 0) return targets.map(listOf)
    // Batches answer sooner than that, unless keys are moving.
    if (waiting.deadlineAtMs !== undefined && waiting.deadlineAtMs - Date.now() < 2 * hurryMs) expire(waiting)
    return call?.signal === undefined ? promise : abandonable(promise, { signal: call.signal })
  }
}

function nodeOf({ servers, project }: Place, bytes: Buffer, start: number, end: number): RedisNode | undefined {
  const { known } = servers
  if (known === undefined) return undefined
  const group = known.groups.length === 1 ? 0 : known.groupOf(entityKey(project, bytes.subarray(start, end)))
  return known.groups[group]?.node
}

/** Lets somebody wait no longer than to his deadline. */
function expire(waiting: Waiting): void {
  if (waiting.deadlineAtMs === undefined || waiting.timer !== undefined) return
  const late = (): void => waiting.reject(fail('DEADLINE_EXCEEDED', 'The deadline passed'))
  waiting.timer = setTimeout(late, waiting.deadlineAtMs - Date.now())
}

/** Finds the rows of a batch. Who waits is told what went wrong; this never fails. */
async function answer(place: Place, batch: Batch): Promise<void> {
  try {
    const left = await askOnce(place, batch)
    if (left.length > 0) {
      // What comes from another server is not to be kept as this one's.
      batch.node?.tracker?.distrust()
      for (const waiting of batch.waiting) expire(waiting)
      await askEach(place, left, batch)
    }
  } catch (thrown) {
    for (const waiting of batch.waiting) waiting.reject(thrown)
  }
  for (const waiting of batch.waiting) {
    waiting.open -= 1
    if (waiting.open > 0) continue
    clearTimeout(waiting.timer)
    waiting.resolve(waiting.targets.map(listOf))
  }
}

const hurryOf = ({ hurried }: Batch): { readonly waitMs?: number } => (hurried ? { waitMs: hurryMs } : {})

/** Asks the server that should have the keys. Answers those that it has not. */
async function askOnce({ servers, project }: Place, batch: Batch): Promise<readonly ReadPart[]> {
  const { node } = batch
  if (node === undefined) return batch.parts
  try {
    const args = readArguments(project, batch.parts)
    return takeRows(batch.parts, await node.run(readRows, [], args, hurryOf(batch)))
  } catch (thrown) {
    if (isElsewhere(thrown)) return batch.parts
    // Whoever reads does not wait for a failover; those after him should find out where things are now.
    if (isProvenderError(thrown) && thrown.code === 'STORE_UNREACHABLE') servers.refresh().catch(() => undefined)
    throw thrown
  }
}

/** Asks for keys wherever they are. */
async function askEach({ servers, project }: Place, parts: readonly ReadPart[], batch: Batch): Promise<void> {
  const all = itemsOf(project, parts)
  const argumentsOf = (_: Group, items: readonly Item[]): Argument[] => items.flatMap(({ args }) => args)
  const work = { script: readRows, argumentsOf, most: keysAtOnce }
  const given = { items: all.map(({ item }) => item), cut: answersOf }
  const found = await spread(servers, work, given, hurryOf(batch))
  for (const [i, { part }] of all.entries()) takeRows([part], found[i])
}
