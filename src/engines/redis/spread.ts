import { checkCall } from '../../kernel/call.ts'
import { isProvenderError } from '../../kernel/errors.ts'
import { setTimeout as sleep } from 'node:timers/promises'
import { isElsewhere } from './failure.ts'
import type { Argument, Asking } from './node.ts'
import type { Script } from './scripts.ts'
import type { Group, Servers, Topology } from './servers.ts'

/** One thing to do with one entity's hash. */
export interface Item {
  readonly key: Buffer
  /** What stands for it among a script's arguments. */
  readonly args: readonly Argument[]
}

/** A script and what comes before its items. */
export interface Work {
  readonly script: Script
  readonly head: (group: Group) => readonly Argument[]
  /** Items of one command: more would hold up whoever asks meanwhile. */
  readonly most: number
}

/** Commands under way to one group: more would only lie in buffers. */
const atOnce = 4

/** How long work without a deadline waits for servers that fail over, in milliseconds. */
const patienceMs = 20_000
const pauseMs = 100

/**
 * Does the same with many entities: groups them by the server that has them, cuts them into commands, and answers one result for
 * each item. `cut` takes the answer of a command apart. What was done may be done again: it must not matter.
 */
export async function spread<T>(
  servers: Servers,
  work: Work,
  given: { readonly items: readonly Item[]; readonly cut: (answer: unknown, count: number) => readonly T[] },
  call?: Asking,
): Promise<T[]> {
  const results: T[] = Array.from({ length: given.items.length })
  let left = given.items.map((_, i) => i)
  const untilMs = performance.now() + (call?.deadlineAtMs === undefined && !work.script.reads ? patienceMs : 0)
  for (let tries = 0; left.length > 0; tries++) {
    const topology = await (tries === 0 ? servers.topology(call) : servers.refresh(call))
    const failed: { readonly items: readonly number[]; readonly error: unknown }[] = []
    const lots = lotsOf(topology, given.items, left)
    const doing = [...lots].map(async ([group, items]) =>
      inTurn(items, work.most, async (part) => {
        try {
          const answer = await askGroup(
            topology.groups[group],
            work,
            part.map((i) => given.items[i] as Item),
            call,
          )
          const cut = given.cut(answer, part.length)
          for (const [j, i] of part.entries()) results[i] = cut[j] as T
        } catch (error) {
          failed.push({ items: part, error })
        }
      }),
    )
    await Promise.all(doing)
    const [first] = failed
    if (first === undefined) break
    const moved = failed.find(({ error }) => isElsewhere(error))
    const away = failed.every(({ error }) => isElsewhere(error) || isAway(error))
    if (!away) throw failed.find(({ error }) => !isElsewhere(error) && !isAway(error))?.error ?? first.error
    if (work.script.reads && moved === undefined) {
      // Whoever reads does not wait for a failover; those after him should find out where things are now.
      servers.refresh().catch(() => undefined)
      throw first.error
    }
    // A key that moves between two servers is asked for by itself, where the first one says.
    if (moved !== undefined && tries > 0) {
      left = await oneByOne(servers, work, { ...given, left: failed.flatMap(({ items }) => items), results }, call)
      if (left.length === 0) break
    } else left = failed.flatMap(({ items }) => items)
    if (tries > 0 && performance.now() > untilMs) throw first.error
    if (tries > 0) await sleep(pauseMs)
    checkCall(call)
  }
  return results
}

const isAway = (error: unknown): boolean => isProvenderError(error) && error.code === 'STORE_UNREACHABLE'

function lotsOf(topology: Topology, items: readonly Item[], left: readonly number[]): Map<number, number[]> {
  const lots = new Map<number, number[]>()
  for (const i of left) {
    const group = topology.groupOf((items[i] as Item).key)
    const lot = lots.get(group)
    if (lot === undefined) lots.set(group, [i])
    else lot.push(i)
  }
  return lots
}

/** Works through parts in their order, some of them under way at once. */
async function inTurn(
  items: readonly number[],
  most: number,
  work: (part: readonly number[]) => Promise<void>,
): Promise<void> {
  const underway = new Set<Promise<void>>()
  for (let i = 0; i < items.length; i += most) {
    if (underway.size >= atOnce) await Promise.race(underway)
    const done: Promise<void> = work(items.slice(i, i + most)).finally(() => underway.delete(done))
    underway.add(done)
  }
  await Promise.all(underway)
}

async function askGroup(
  group: Group | undefined,
  { script, head }: Work,
  items: readonly Item[],
  call: Asking | undefined,
): Promise<unknown> {
  if (group === undefined) throw new Error('Assertion failed: a key lies in a group')
  const args: Argument[] = [...head(group)]
  for (const item of items) args.push(...item.args)
  return group.node.run(script, [], args, call)
}

interface OneByOne<T> {
  readonly items: readonly Item[]
  readonly cut: (answer: unknown, count: number) => readonly T[]
  readonly left: readonly number[]
  readonly results: T[]
}

/** Asks for each item by its key, and follows once where that is said to be elsewhere. Answers what is still to be done. */
async function oneByOne<T>(
  servers: Servers,
  { script, head }: Work,
  { items, cut, left, results }: OneByOne<T>,
  call: Asking | undefined,
): Promise<number[]> {
  const topology = await servers.topology(call)
  const still: number[] = []
  for (const i of left) {
    const { key, args } = items[i] as Item
    const group = topology.groups[topology.groupOf(key)]
    if (group === undefined) throw new Error('Assertion failed: a key lies in a group')
    const all = [...head(group), ...args]
    try {
      const answer = await group.node.run(script, [key], all, call).catch(async (thrown: unknown) => {
        const [, word, address] = /\b(MOVED|ASK) \d+ (\S+)/.exec(thrown instanceof Error ? thrown.message : '') ?? []
        if (word === undefined || address === undefined) throw thrown
        const there = servers.at(address)
        return word === 'ASK' ? there.runAsking(script, key, all, call) : there.run(script, [key], all, call)
      })
      results[i] = cut(answer, 1)[0] as T
    } catch (thrown) {
      if (!isElsewhere(thrown) && !isAway(thrown)) throw thrown
      still.push(i)
    }
  }
  return still
}
