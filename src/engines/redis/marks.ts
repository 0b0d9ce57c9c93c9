import { randomUUID } from 'node:crypto'
import type { Call } from '../../kernel/call.ts'
import type { Marks, OnlineMarks, Stamp } from '../../ports/marks.ts'
import type { Space } from '../../ports/online.ts'
import { biased, fieldOf, marksKey, unbiased } from './layout.ts'
import { birth, moveCursor, readMarks, swapStamp } from './scripts.ts'
import type { Group, Servers } from './servers.ts'

/**
 * Cursors and stamps. In a cluster each group has its own, behind its own rows: a failover loses the end of one group's writes, and what
 * is left of those is still a beginning. Of a space, the least cursor counts, and a stamp counts only where all groups have it.
 */
export function redisMarks(enter: (call: Call | undefined) => Servers): OnlineMarks {
  return {
    async readMarks(spaces, call) {
      const { groups } = await enter(call).topology(call)
      const all = await Promise.all(groups.map(async (group) => marksIn(group, spaces, call)))
      const incarnation = all.map((each) => each.incarnation).join(' ')
      return spaces.map((_, i) => ({ incarnation, ...merged(all.map((each) => each.marks[i] ?? noMarks)) }))
    },
    async birth(space, cursor, call) {
      const { groups } = await enter(call).topology(call)
      for (const { node, tag } of groups)
        await node.run(
          birth,
          [marksKey(tag)],
          [fieldOf(space), biased(cursor), textOf({ attempt: 0n, state: 'done' })],
          call,
        )
    },
    async moveCursor(space, to, incarnation, call) {
      const { groups } = await enter(call).topology(call)
      return ofAll(groups, incarnation, async ({ node, tag }, own) =>
        node.run(moveCursor, [marksKey(tag)], [fieldOf(space), biased(to), own], call),
      )
    },
    async swapStamp(space, { from, to, incarnation }, call) {
      const { groups } = await enter(call).topology(call)
      const texts = [from === null ? '' : textOf(from), textOf(to)]
      return ofAll(groups, incarnation, async ({ node, tag }, own) =>
        node.run(swapStamp, [marksKey(tag)], [fieldOf(space), ...texts, own], call),
      )
    },
  }
}

/** Changes one group after the other, each under its own incarnation; stops at the first that refuses. Half of a change is none: the stamps differ then. */
async function ofAll(
  groups: readonly Group[],
  incarnation: string,
  change: (group: Group, own: string) => Promise<unknown>,
): Promise<boolean> {
  const own = incarnation.split(' ')
  if (own.length !== groups.length) return false
  for (const [i, group] of groups.entries()) if (Number(await change(group, own[i] ?? '')) !== 1) return false
  return true
}

type Marked = Omit<Marks, 'incarnation'>
const noMarks: Marked = Object.freeze({ cursor: null, stamp: null, held: null })

async function marksIn(
  { node, tag }: Group,
  spaces: readonly Space[],
  call: Call | undefined,
): Promise<{ readonly incarnation: string; readonly marks: readonly Marked[] }> {
  const args = [randomUUID(), ...spaces.map(fieldOf)]
  const [incarnation, ...marks] = (await node.run(readMarks, [marksKey(tag)], args, call)) as (Buffer | null)[]
  return {
    incarnation: String(incarnation),
    marks: spaces.map((_, i) => {
      const [cursor = null, stamp = null, rows = null, newest = null] = marks.slice(4 * i, 4 * i + 4)
      return {
        cursor: cursor === null ? null : unbiased(cursor),
        stamp: stamp === null ? null : stampOf(stamp.toString()),
        held: { rows: Number(rows ?? 0), newestEvent: newest === null ? null : unbiased(newest) },
      }
    }),
  }
}

/** What holds for all groups. */
function merged(all: readonly Marked[]): Marked {
  const cursors = all.map(({ cursor }) => cursor).filter((cursor) => cursor !== null)
  const stamps = all.map(({ stamp }) => stamp).filter((stamp) => stamp !== null)
  const [first] = stamps
  const same = stamps.every((stamp) => stamp.attempt === first?.attempt && stamp.state === first.state)
  return {
    cursor: cursors.length < all.length ? null : cursors.reduce((least, each) => (each < least ? each : least)),
    stamp: first === undefined || stamps.length < all.length ? null : same ? first : torn(stamps),
    held: {
      rows: all.reduce((sum, { held }) => sum + (held?.rows ?? 0), 0),
      newestEvent: all.reduce<bigint | null>((most, { held }) => later(most, held?.newestEvent ?? null), null),
    },
  }
}

const later = (a: bigint | null, b: bigint | null): bigint | null => (a === null || (b !== null && b > a) ? b : a)

/** What no attempt leaves behind: groups that do not agree hold parts of several. */
const torn = (stamps: readonly Stamp[]): Stamp => ({
  attempt: stamps.reduce((least, { attempt }) => (attempt < least ? attempt : least), stamps[0]?.attempt ?? 0n),
  state: 'open',
})

const textOf = ({ attempt, state }: Stamp): string => `${attempt}:${state}`

function stampOf(text: string): Stamp {
  const [attempt = '0', state] = text.split(':')
  return { attempt: BigInt(attempt), state: state === 'open' ? 'open' : 'done' }
}
