import calculateSlot from 'cluster-key-slot'
import type { Call } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { RedisNode } from './node.ts'
import { type ServerSettings, readUrl } from './server-url.ts'

/** A server that takes writes, with the part of all keys that is its own. A standalone server has them all. */
export interface Group {
  readonly node: RedisNode
  /** What slots go by lies in this group; the same for as long as the group's slots are. */
  readonly tag: string
}

/** Who has which keys at one moment. */
export interface Topology {
  /** In the order of their first slots. */
  readonly groups: readonly Group[]
  /** The index of the group that has a key; −1 where none has it. */
  groupOf(key: Buffer): number
}

/** The servers of one online store. */
export interface Servers extends AsyncDisposable {
  /** For people: urls without passwords. */
  readonly name: string
  /** Who has which keys, as far as this process knows; undefined before it has asked. */
  readonly known: Topology | undefined
  /** The same, asked for where it is not known. */
  topology(call?: Call): Promise<Topology>
  /** Finds out again who has which keys: somebody was not where he should have been. Many who ask at once share one look. */
  refresh(call?: Call): Promise<Topology>
  /** The server at an address. */
  at(address: string): RedisNode
}

/** One server. It connects at once and again whenever the connection is lost. */
export function standalone(url: string, project: string, settings: ServerSettings): Servers {
  const { options, name } = readUrl(url, settings)
  const node = new RedisNode(name, options)
  const topology: Topology = Object.freeze({
    groups: Object.freeze([{ node, tag: project }]),
    groupOf: () => 0,
  })
  return Object.freeze({
    name,
    known: topology,
    topology: async () => topology,
    refresh: async () => topology,
    at: () => node,
    [Symbol.asyncDispose]: async () => node[Symbol.asyncDispose](),
  } satisfies Servers)
}

/** The parts of all keys in a cluster. */
export const allSlots = 16_384

/** The servers of a Redis Cluster, found through any of those that are named. User, password and TLS are those of the first url. */
export function cluster(urls: readonly string[], project: string, settings: ServerSettings): Servers {
  const seeds = urls.map((url) => readUrl(url, settings))
  const [first] = seeds
  if (first === undefined) throw fail('INVALID_CONFIG', 'A Redis Cluster needs at least one node')
  if (seeds.some(({ options }) => (options.db ?? 0) !== 0))
    throw fail('INVALID_CONFIG', 'A Redis Cluster has one database', { remedy: 'Leave the number out of the url.' })
  const nodes = new Map<string, RedisNode>()
  const name = seeds.map((seed) => seed.name).join(', ')
  const at = (address: string): RedisNode => {
    const known = nodes.get(address)
    if (known !== undefined) return known
    const colon = address.lastIndexOf(':')
    const place = { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) }
    const node = new RedisNode(address, { ...first.options, ...place })
    nodes.set(address, node)
    return node
  }
  let found: Topology | undefined
  let looking: Promise<Topology> | undefined
  const refresh = (call?: Call): Promise<Topology> => {
    looking ??= look(
      [...nodes.keys(), ...seeds.map((seed) => `${seed.options.host}:${seed.options.port}`)],
      { at, project, name },
      call,
    )
      .then((topology) => (found = topology))
      .finally(() => (looking = undefined))
    return looking
  }
  return Object.freeze({
    name,
    at,
    get known() {
      return found
    },
    topology: async (call) => found ?? refresh(call),
    refresh,
    async [Symbol.asyncDispose]() {
      await Promise.all([...nodes.values()].map((node) => node[Symbol.asyncDispose]()))
    },
  } satisfies Servers)
}

interface Looking {
  readonly at: (address: string) => RedisNode
  readonly project: string
  readonly name: string
}

/** How long one server is waited for that may tell where keys are, in milliseconds; the next one may tell it sooner. */
const lookMs = 500

/** Asks one server after the other until one answers; those first that there is a connection to. */
async function look(addresses: readonly string[], looking: Looking, call: Call | undefined): Promise<Topology> {
  let failure: unknown
  const open = (address: string): number => (looking.at(address).open ? 0 : 1)
  for (const address of [...new Set(addresses)].toSorted((a, b) => open(a) - open(b))) {
    try {
      return topologyOf(
        await looking.at(address).ask({ ...call, waitMs: lookMs }, 'CLUSTER', 'SLOTS'),
        address,
        looking,
      )
    } catch (thrown) {
      failure = thrown
    }
  }
  throw failure instanceof Error ? failure : fail('STORE_UNREACHABLE', `No node of ${looking.name} answers`)
}

/** Reads an answer to CLUSTER SLOTS: `[first, last, [host, port, …], …]`, the first server being the one that takes writes. */
function topologyOf(answer: unknown, asked: string, { at, project, name }: Looking): Topology {
  const owners = new Map<string, { first: number; ranges: [number, number][] }>()
  for (const range of Array.isArray(answer) ? (answer as unknown[]) : []) {
    const [first, last, primary] = Array.isArray(range) ? (range as unknown[]) : []
    const [host, port] = Array.isArray(primary) ? (primary as unknown[]) : []
    if (typeof first !== 'number' || typeof last !== 'number' || typeof port !== 'number') continue
    // A node that does not know its own address says nothing: it is the one that was asked.
    const address = `${text(host) === '' ? asked.slice(0, asked.lastIndexOf(':')) : text(host)}:${port}`
    const owner = owners.get(address) ?? { first, ranges: [] }
    owner.ranges.push([first, last])
    owner.first = Math.min(owner.first, first)
    owners.set(address, owner)
  }
  if (owners.size === 0) throw fail('STORE_UNREACHABLE', `${name} is no Redis Cluster, or has no slots`)
  const index = new Int16Array(allSlots).fill(-1)
  const sorted = [...owners].toSorted(([, a], [, b]) => a.first - b.first)
  for (const [i, [, { ranges }]] of sorted.entries()) for (const [from, to] of ranges) index.fill(i, from, to + 1)
  const groups = sorted.map(([address], i) => Object.freeze({ node: at(address), tag: tagIn(project, index, i) }))
  return Object.freeze({
    groups: Object.freeze(groups),
    groupOf: (key) => index[calculateSlot(key)] ?? -1,
  } satisfies Topology)
}

/** The first of a row of tags whose slot is in a group. */
function tagIn(project: string, index: Int16Array, group: number): string {
  for (let i = 0; ; i++) {
    const tag = `${project}:${i}`
    if (index[calculateSlot(tag)] === group) return tag
  }
}

const text = (value: unknown): string =>
  typeof value === 'string' ? value : value instanceof Uint8Array ? Buffer.from(value).toString() : ''
