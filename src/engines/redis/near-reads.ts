import type { LookUp, OnlineStore } from '../../ports/online.ts'
import { type ByteList, ByteListWriter, countOf, endOf, startOf } from '../../values/byte-list.ts'
import { entityKey, fieldOf } from './layout.ts'
import { type Kept, type NearCache, nameIn } from './near-cache.ts'
import type { Servers, Topology } from './servers.ts'

/** What is known of one look-up. */
interface Part {
  /** For each key what is kept of it, or expected; undefined where nothing is. */
  readonly kept: (Kept | undefined)[]
  /** The keys of which something is kept are missing, so that each answer has the place of its key. */
  readonly absent: LookUp
  /** How many are absent. */
  open: number
}

interface Near {
  readonly cache: NearCache
  readonly servers: Servers
  readonly project: string
}

/** Reads what is kept at once, and the rest from the store. A call that wants fresh rows is answered by the store alone. */
export function nearReads(read: OnlineStore['read'], near: Near): OnlineStore['read'] {
  const { cache, servers } = near
  return (requests, call) => {
    const topology = servers.known
    if (call?.fresh === true || topology === undefined) return read(requests, call)
    const nowMs = performance.now()
    const parts = requests.map((request) => partOf(near, topology, request, nowMs))
    const asked = parts.filter(({ open }) => open > 0)
    if (asked.length === 0) return parts.map((part) => answerOf(part))
    const fill = (lists: readonly ByteList[] | null): void => {
      for (const [p, { kept }] of asked.entries())
        for (const [i, each] of kept.entries())
          if (each !== undefined && each.row === undefined) cache.fill(each, lists?.[p] ?? null, i)
    }
    const lookUps = asked.map(({ absent }) => absent)
    const found = new Promise<readonly ByteList[]>((resolve) => resolve(read(lookUps, call)))
    return found.then(
      (lists) => {
        fill(lists)
        let next = 0
        return parts.map((part) => answerOf(part, part.open > 0 ? lists[next++] : undefined))
      },
      (thrown: unknown) => {
        fill(null)
        throw thrown
      },
    )
  }
}

/** Looks at what is kept, and makes room for what is not. */
function partOf({ cache, project }: Near, topology: Topology, { space, keys }: LookUp, nowMs: number): Part {
  const { groups } = topology
  const field = fieldOf(space)
  const kept: (Kept | undefined)[] = []
  let open = 0
  let bounds: number[] | undefined
  for (let i = 0; i < countOf(keys); i++) {
    const [start, end] = [startOf(keys, i), endOf(keys, i)]
    if (start < 0) {
      kept.push(undefined)
      continue
    }
    const key = nameIn(keys.bytes, start, end)
    const of = cache.of(key)
    let each = cache.find(of, field, nowMs)
    if (each === undefined) {
      const group = groups.length === 1 ? 0 : topology.groupOf(entityKey(project, keys.bytes.subarray(start, end)))
      each = cache.expect({ key, field, tracker: groups[group]?.node.tracker }, of, nowMs)
      open += 1
    } else {
      bounds ??= [...keys.bounds]
      bounds[2 * i] = -1
    }
    kept.push(each)
  }
  const absent = { space, keys: bounds === undefined ? keys : { bytes: keys.bytes, bounds } }
  return { kept, absent, open }
}

const room = new ByteListWriter(64 * 1024)

/** The rows of a look-up: those that are kept, and those that were read. */
function answerOf({ kept, open }: Part, read?: ByteList): ByteList {
  if (read !== undefined && open === kept.length) return read
  room.begin()
  for (let i = 0; i < kept.length; i++) {
    const row = kept[i]?.row
    if (typeof row === 'string') {
      const start = room.at
      room.need(row.length)
      room.at += room.bytes.write(row, start, 'latin1')
      room.end(start)
    } else if (read === undefined) room.miss()
    else room.copy(read, i)
  }
  return room.take()
}
