// A process that pushes until it is killed: node pusher.ts DIR NOW NAME SLOW. It says `trying LANE N` before each push, what
// the push has come to, and `pushed LANE N ANSWER` after it was acknowledged. NAME, a number, tells pushers apart; SLOW is
// where it is slow.
import { openRepository, sayLine } from './repository.ts'

/** Lanes push side by side, each one push after another. */
export const lanes = [
  { target: 'latest', keyed: false },
  { target: 'things', keyed: false },
  { target: 'latest', keyed: true },
  { target: 'things', keyed: true },
] as const

/** A push by its pusher, lane and number. Microseconds of the pusher's clock tick with the number. */
export interface Numbered {
  readonly name: number
  readonly lane: number
  readonly n: number
}

/** What pushes of a lane have in common: an entity that all of them write. */
export const hotEntity = ({ name, lane }: Omit<Numbered, 'n'>): number => -(name * 10 + lane) - 1

/** Its own entity. */
export const ownEntity = ({ name, lane, n }: Numbered): number => (name * 10 + lane) * 1_000_000 + n

/** The rows of a push: one of an entity of its own, one of the entity of its lane. No created time: that is the clock's. */
export function rowsOf(
  push: Numbered,
  startedAt: bigint,
): { readonly k: number; readonly at: bigint; readonly v: number }[] {
  const at = startedAt + BigInt(push.n)
  return [ownEntity(push), hotEntity(push)].map((k) => ({ k, at, v: push.n }))
}

export const keyOf = ({ name, lane, n }: Numbered): string => `pusher ${name} lane ${lane} push ${n}`

async function main(dir: string, startedAt: bigint, name: number, slowAt: string): Promise<void> {
  const say = (line: string): void => sayLine(line, { at: slowAt, ms: 5 })
  await using opened = await openRepository(dir, startedAt, { say })
  const push = async (lane: number): Promise<void> => {
    const { target, keyed } = lanes[lane] ?? lanes[0]
    for (let n = 1; ; n++) {
      const numbered = { name, lane, n }
      const now = startedAt + BigInt(n)
      if (now > opened.clock.now()) opened.clock.set(now)
      say(`trying ${lane} ${n}`)
      const answer = await opened.store.push(
        target,
        rowsOf(numbered, startedAt),
        keyed ? { idempotencyKey: keyOf(numbered) } : {},
      )
      say(`pushed ${lane} ${n} ${JSON.stringify(answer)}`)
    }
  }
  await Promise.all(lanes.map((_, lane) => push(lane)))
}

if (import.meta.main)
  await main(process.argv[2] ?? '', BigInt(process.argv[3] ?? '0'), Number(process.argv[4]), process.argv[5] ?? '')
