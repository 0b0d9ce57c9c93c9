import type { Call } from '../../kernel/call.ts'
import type { OnlineMarks } from '../../ports/marks.ts'
import type { KeyedRow, OnlineStore, Space, SweepRule, WriteCall, WriteOutcome } from '../../ports/online.ts'
import { checkCall } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { longestKeyBytes } from '../../ports/online.ts'
import { biased, entityHead, entityKey, entityPattern, fieldOf, marksKey, schemasKey } from './layout.ts'
import { redisMarks } from './marks.ts'
import type { Argument } from './node.ts'
import { NearCache, type NearCacheLimits, nameOfHash, nameOfKey } from './near-cache.ts'
import { nearReads } from './near-reads.ts'
import { coalescedReads } from './reads.ts'
import { dropMarks, dropRows, keepSchemas, sweepRows, writeRows } from './scripts.ts'
import type { ServerSettings } from './server-url.ts'
import { type Group, type Servers, cluster, standalone } from './servers.ts'
import { type Item, spread } from './spread.ts'
import { packedRows, rowItem } from './write-batch.ts'

/** Where an online store is, and whose: projects share a server without seeing each other. */
export interface RedisPlace {
  readonly place: ({ readonly url: string } | { readonly cluster: readonly string[] }) &
    Omit<ServerSettings, 'listening'> & { readonly nearCache?: NearCacheLimits }
  readonly project: string
}

/** Rows of one command: 1,000 would hold up readers for 2 ms. */
const rowsAtOnce = 200
/** Keys that a server looks through for one slice of a sweep. */
const scannedKeys = 1000

/**
 * Opens the online store in a Redis (≥ 7.0) or Valkey, or in a Redis Cluster, with its cursors and stamps. It connects when first used.
 * The store itself decides which row is later, in one step. Rows survive what the server's own durability survives; what a failover
 * lost is told by cursors and stamps, which lie behind the rows that they vouch for.
 * @throws INVALID_CONFIG for a url, or a file of certificates, that cannot be read.
 */
export function openRedisOnline({ place, project }: RedisPlace): OnlineStore & OnlineMarks {
  const cache = place.nearCache === undefined ? undefined : new NearCache(place.nearCache)
  const listening = cache && {
    prefix: entityHead(project),
    changed: (keys: Changed) => dropChanged(cache, project, keys),
  }
  const settings = listening === undefined ? place : { ...place, listening }
  const servers =
    'cluster' in place ? cluster(place.cluster, project, settings) : standalone(place.url, project, settings)
  let closing: Promise<void> | undefined
  const enter = (call: Call | undefined): Servers => {
    if (closing !== undefined) throw fail('CLOSED', 'The online store is closed')
    checkCall(call)
    return servers
  }
  const plain = coalescedReads(servers, project)
  const read = cache === undefined ? plain : nearReads(plain, { cache, servers, project })
  return Object.freeze({
    read(requests, call) {
      enter(call)
      return read(requests, call)
    },
    async write(space, rows, call) {
      try {
        return await write(enter(call), { project, space }, rows, call)
      } finally {
        // Who wrote reads what he wrote, though the server has not yet told of it.
        if (cache !== undefined) for (const { key } of rows) cache.forget(nameOfKey(key))
      }
    },
    async sweep(space, rule, after, call) {
      const slice = await sweep(enter(call), { project, space }, { rule, after }, call)
      if (slice.freed > 0) cache?.clear()
      return slice
    },
    drop: async (space, call) => drop(enter(call), { project, space }, call).finally(() => cache?.clear()),
    schemas: async (entries, call) => schemas(enter(call), entries, call),
    ...redisMarks(enter),
    [Symbol.asyncDispose]: async () => (closing ??= Promise.resolve(servers[Symbol.asyncDispose]())),
  } satisfies OnlineStore & OnlineMarks)
}

type Changed = readonly Buffer[] | null

function dropChanged(cache: NearCache, project: string, keys: Changed): void {
  if (keys === null) cache.clear()
  else for (const key of keys) cache.forget(nameOfHash(key, project))
}

interface Where {
  readonly project: string
  readonly space: Space
}

async function write(
  servers: Servers,
  { project, space }: Where,
  rows: readonly KeyedRow[],
  call: WriteCall | undefined,
): Promise<WriteOutcome[]> {
  for (const { key } of rows)
    if (key.length > longestKeyBytes)
      throw fail('KEY_TOO_LONG', `An entity key of ${space.view} has ${key.length} bytes`)
  const items = rows.map(({ key, row }) => rowItem(entityKey(project, key), row))
  const argumentsOf = ({ tag }: Group, some: readonly Item[]): Argument[] => [
    fieldOf(space),
    marksKey(tag),
    packedRows(some),
  ]
  const work = { script: writeRows, argumentsOf, most: rowsAtOnce }
  const cut = (answer: unknown, count: number): (WriteOutcome | undefined)[] => {
    const digits = String(answer)
    return Array.from({ length: count }, (_, i) => outcomes[digits[i] ?? ''])
  }
  return spread(servers, work, { items, cut }, call)
}

/** What the digits of `writeRows` say. */
const outcomes: Readonly<Record<string, WriteOutcome>> = Object.freeze({ '1': 'applied', '0': 'superseded' })

/** Where a sweep goes on: the group, and the cursor of its scan. */
const placeOf = (after: Uint8Array | undefined): readonly [number, string] => {
  const [group = '0', cursor = '0'] = after === undefined ? [] : Buffer.from(after).toString().split(':')
  return [Number(group), cursor]
}

async function sweep(
  servers: Servers,
  { project, space }: Where,
  { rule, after }: { readonly rule: SweepRule; readonly after: Uint8Array | undefined },
  call: Call | undefined,
): Promise<{ freed: number; next: Uint8Array | null }> {
  const [at, cursor] = placeOf(after)
  const { groups } = await servers.topology(call)
  const group = groups[at]
  // The servers are fewer than when the sweep began: the next one goes through all of them.
  if (group === undefined) return { freed: 0, next: null }
  const { node, tag } = group
  const { next, keys } = await node.scan(cursor, entityPattern(project), scannedKeys, call)
  const limits = [biased(rule.eventBefore), unsigned(rule.revisionUpTo), rule.tombstones ? '1' : '0']
  const head = [fieldOf(space), marksKey(tag), ...limits]
  let freed = 0
  for (let i = 0; i < keys.length; i += scannedKeys)
    freed += Number(await node.run(sweepRows, [], [...head, ...keys.slice(i, i + scannedKeys)], call))
  if (next !== '0') return { freed, next: Buffer.from(`${at}:${next}`) }
  return { freed, next: at + 1 < groups.length ? Buffer.from(`${at + 1}:0`) : null }
}

function unsigned(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt.asUintN(64, value))
  return bytes
}

async function drop(servers: Servers, { project, space }: Where, call: Call | undefined): Promise<void> {
  const { groups } = await servers.topology(call)
  const field = fieldOf(space)
  for (const { node, tag } of groups) await node.run(dropMarks, [marksKey(tag)], [field], call)
  for (const { node } of groups) {
    let cursor = '0'
    do {
      const { next, keys } = await node.scan(cursor, entityPattern(project), scannedKeys, call)
      if (keys.length > 0) await node.run(dropRows, [], [field, ...keys], call)
      cursor = next
    } while (cursor !== '0')
  }
}

type SchemaEntries = readonly { readonly fingerprint: number; readonly text?: string }[]

/** Every group keeps all schemas, beside the rows that need them: none can lose those of another. The first group decides. */
async function schemas(servers: Servers, entries: SchemaEntries, call: Call | undefined): Promise<(string | null)[]> {
  if (entries.length === 0) return []
  const { groups } = await servers.topology(call)
  let decided: (string | null)[] = entries.map(({ text }) => text ?? null)
  for (const { node, tag } of groups) {
    const args = entries.flatMap(({ fingerprint }, i) => [String(fingerprint), decided[i] ?? ''])
    const answer = (await node.run(keepSchemas, [schemasKey(tag)], args, call)) as readonly (Buffer | null)[]
    decided = entries.map((_, i) => answer[i]?.toString() ?? decided[i] ?? null)
  }
  return decided
}
