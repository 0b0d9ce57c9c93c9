import { type ProvenderError, fail } from '../../kernel/errors.ts'

/** What a server says of itself. */
export interface ServerFacts {
  /** `redis` or `valkey`. */
  readonly kind: string
  readonly version: string
  /** What it does when its memory is full. */
  readonly evicts: string
  /** Its limit of memory; 0 = none of its own. */
  readonly maxBytes: number
}

/** Reads an answer to INFO. */
export function factsOf(info: string): ServerFacts {
  const said = new Map(info.split('\r\n').map((line): [string, string] => [...cut(line)]))
  const valkey = said.get('valkey_version')
  return {
    kind: valkey === undefined ? 'redis' : 'valkey',
    version: valkey ?? said.get('redis_version') ?? '',
    evicts: said.get('maxmemory_policy') ?? '',
    maxBytes: Number(said.get('maxmemory') ?? 0),
  }
}

function cut(line: string): readonly [string, string] {
  const colon = line.indexOf(':')
  return [line.slice(0, colon), line.slice(colon + 1)]
}

/** The first release that runs the scripts of this engine. */
const firstMajor = 7

/** Policies by which a server throws away keys that have no end, as ours: `volatile-…` never finds one. */
const throwsAway = (policy: string): boolean => policy.startsWith('allkeys-')

/**
 * Why a server may not be used; undefined where it may. One that evicts would lose single rows, or a schema or a cursor, without any sign:
 * a wrong NOT_FOUND that nothing heals. So it is refused, rather than warned of.
 */
export function refusalOf(name: string, facts: ServerFacts): ProvenderError | undefined {
  if (Number.parseInt(facts.version, 10) < firstMajor)
    return fail('STORE_UNFIT', `The online store ${name} is ${facts.kind} ${facts.version}`, {
      remedy: 'Use Redis 7.0 or later, or Valkey.',
    })
  if (throwsAway(facts.evicts) && facts.maxBytes > 0)
    return fail(
      'STORE_UNFIT',
      `The online store ${name} throws rows away when it is full (maxmemory-policy ${facts.evicts})`,
      {
        remedy: 'Set  maxmemory-policy noeviction  on the Redis server; it is looked at again every second.',
      },
    )
  return undefined
}

/** What may do harm later; undefined where nothing may. */
export function warningOf(facts: ServerFacts): string | undefined {
  return throwsAway(facts.evicts)
    ? `maxmemory-policy ${facts.evicts}: with a maxmemory it would throw rows away`
    : undefined
}
