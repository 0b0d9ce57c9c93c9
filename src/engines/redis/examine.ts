import type { Call } from '../../kernel/call.ts'
import { isProvenderError } from '../../kernel/errors.ts'
import { type ServerFacts, factsOf, refusalOf, warningOf } from './fitness.ts'
import type { RedisNode } from './node.ts'
import type { RedisPlace } from './online.ts'
import { allSlots, cluster, standalone } from './servers.ts'

/** Something about a server that should be otherwise. */
export interface RedisFlaw {
  /** Whether it keeps the store from working now. */
  readonly grave: boolean
  readonly detail: string
  readonly remedy: string
}

/** What the servers of an online store are, and what should be otherwise. */
export interface RedisExamination {
  readonly servers: number
  /** `redis 7.0.15`, each once. */
  readonly releases: readonly string[]
  readonly flaws: readonly RedisFlaw[]
}

/** Bytes of a value up to which Redis keeps a hash packed: rows of some features are longer than the 64 that it has by itself. */
const packedBytes = 1024

/**
 * Looks at the server, or at all that take writes: release, what happens when memory is full, how rows are kept, whether a cluster is whole.
 * @throws STORE_UNREACHABLE where one does not answer; INVALID_CONFIG.
 */
export async function examineRedis({ place, project }: RedisPlace, call?: Call): Promise<RedisExamination> {
  await using servers =
    'cluster' in place ? cluster(place.cluster, project, place) : standalone(place.url, project, place)
  const flaws = new Map<string, RedisFlaw>()
  const releases = new Set<string>()
  const { groups } = await servers.topology(call)
  for (const { node } of groups) {
    const facts = factsOf(String(await node.ask(call, 'INFO')))
    releases.add(`${facts.kind} ${facts.version}`)
    const found = [...policyFlaws(node, facts), ...(await packingFlaws(node, call))]
    if ('cluster' in place) found.push(...(await clusterFlaws(node, call)))
    for (const flaw of found) flaws.set(flaw.detail, flaw)
  }
  return { servers: groups.length, releases: [...releases], flaws: [...flaws.values()] }
}

function policyFlaws({ name }: RedisNode, facts: ServerFacts): RedisFlaw[] {
  const refusal = refusalOf(name, facts)
  if (refusal !== undefined) return [{ grave: true, detail: refusal.message, remedy: refusal.remedy }]
  const warning = warningOf(facts)
  return warning === undefined
    ? []
    : [
        {
          grave: false,
          detail: `${name}: ${warning}`,
          remedy: 'Set  maxmemory-policy noeviction  on the Redis server.',
        },
      ]
}

async function packingFlaws(node: RedisNode, call: Call | undefined): Promise<RedisFlaw[]> {
  let bytes: number
  try {
    const answer = await node.ask(call, 'CONFIG', 'GET', 'hash-max-listpack-value')
    bytes = Number(Array.isArray(answer) ? answer[1] : Number.NaN)
  } catch (thrown) {
    // Who may not look at settings is not told of them; managed servers allow nobody.
    if (isProvenderError(thrown) && /NOPERM|unknown command/.test(thrown.message)) return []
    throw thrown
  }
  if (!(bytes < packedBytes)) return []
  return [
    {
      grave: false,
      detail: `${node.name}: hash-max-listpack-value ${bytes}: rows that are longer take half as much memory again`,
      remedy: `Set  hash-max-listpack-value ${packedBytes}  on the Redis server; rows are kept so when they are next written.`,
    },
  ]
}

async function clusterFlaws(node: RedisNode, call: Call | undefined): Promise<RedisFlaw[]> {
  const info = String(await node.ask(call, 'CLUSTER', 'INFO'))
  const state = /cluster_state:(\w+)/.exec(info)?.[1]
  const served = /cluster_slots_ok:(\d+)/.exec(info)?.[1]
  if (state === 'ok' && served === String(allSlots)) return []
  return [
    {
      grave: true,
      detail: `the cluster state is ${state}: ${served} of ${allSlots} slots are served`,
      remedy: 'See  redis-cli --cluster check HOST:PORT;  a replica takes over, or start the nodes that are gone.',
    },
  ]
}
