import { checkCall } from '../../kernel/call.ts'
import { asProvenderError, fail } from '../../kernel/errors.ts'
import { setTimeout as sleep } from 'node:timers/promises'
import { isAway, isElsewhere } from './failure.ts'
import type { Argument, Asking } from './node.ts'
import type { Script } from './scripts.ts'
import type { Group, Servers, Topology } from './servers.ts'

/** One thing to do with one entity's hash. */
export interface Item {
  readonly key: Buffer
  /** What stands for it among a script's arguments. */
  readonly args: readonly Argument[]
}

/** A script, and what it is told. */
export interface Work {
  readonly script: Script
  /** The script's arguments for some items of a group. */
  readonly argumentsOf: (group: Group, items: readonly Item[]) => Argument[]
  /** Items of one command: more would hold up whoever asks meanwhile. */
  readonly most: number
}

/** Commands under way to one group: more would only lie in buffers. */
const atOnce = 4

/** How long writes wait for servers that fail over, in milliseconds; with a deadline, no longer than a little before it. */
const patienceMs = 20_000
const marginMs = 50
/** How long reads look for keys that are moving: who reads does not wait for a server that is away. */
const movingMs = 1_000
const pauseMs = 100

/** What to do, and how the answer of a command is taken apart: one result for each item, undefined where its key is with another server. */
export interface Given<T> {
  readonly items: readonly Item[]
  readonly cut: (answer: unknown, count: number) => readonly (T | undefined)[]
}

/**
 * Does the same with many entities: groups them by the server that has them, cuts them into commands, and answers one result for
 * each item. Keys that move are looked for where they are; writes wait for servers that fail over. What was done may be done again: it
 * must not matter.
 */
export async function spread<T>(servers: Servers, work: Work, given: Given<T>, call?: Asking): Promise<T[]> {
  const round: Round<T> = { ...given, results: Array.from({ length: given.items.length }), left: [], failures: [] }
  let left = given.items.map((_, i) => i)
  const untilMs = performance.now() + patienceOf(work, call)
  const thought = new Set<Group['node']>()
  for (let tries = 0; ; tries++) {
    const topology = await (tries === 0
      ? servers.topology(call)
      : servers.refresh(call).catch(() => servers.topology(call)))
    // What comes from another server than was thought at first is not to be kept.
    for (const { node } of topology.groups) thought.add(node)
    if (tries > 0) for (const { tracker } of thought) tracker?.distrust()
    round.left = []
    round.failures = []
    await askGroups(topology, work, round, { left, call })
    // A key that still is not where it should be, although that was looked up just now, is moving: it is asked for by itself.
    const moving = round.left
    if (tries > 0 && moving.length > 0) {
      round.left = []
      await inTurn(moving, 1, async ([i]) => askAlone({ servers, topology }, work, round, { i: i as number, call }))
    }
    if (round.left.length === 0 && round.failures.length === 0) return round.results as T[]
    const failure = round.failures.find(({ error }) => !isAway(error)) ?? round.failures[0]
    if (failure !== undefined && !isAway(failure.error)) throw failure.error
    if (failure !== undefined && work.script.reads) {
      // Whoever reads does not wait for a failover; those after him should find out where things are now.
      servers.refresh().catch(() => undefined)
      throw failure.error
    }
    if (performance.now() > untilMs)
      throw asProvenderError(
        failure?.error ?? fail('STORE_UNREACHABLE', `${servers.name}: keys are moving between nodes`),
      )
    left = [...round.left, ...round.failures.flatMap(({ items }) => items)]
    if (tries > 0) await sleep(pauseMs)
    checkCall(call)
  }
}

/** What one go through the items leaves to be done. */
interface Round<T> extends Given<T> {
  readonly results: (T | undefined)[]
  /** Whose keys are elsewhere. */
  left: number[]
  failures: { readonly items: readonly number[]; readonly error: unknown }[]
}

interface Asked {
  readonly left: readonly number[]
  readonly call: Asking | undefined
}

async function askGroups<T>(topology: Topology, work: Work, round: Round<T>, { left, call }: Asked): Promise<void> {
  const doing = [...lotsOf(topology, round.items, left)].map(async ([group, items]) =>
    inTurn(items, work.most, async (part) => {
      try {
        const asked = part.map((i) => round.items[i] as Item)
        take(round, part, await askGroup(topology.groups[group], work, asked, call))
      } catch (error) {
        if (isElsewhere(error)) round.left.push(...part)
        else round.failures.push({ items: part, error })
      }
    }),
  )
  await Promise.all(doing)
}

function take<T>(round: Round<T>, part: readonly number[], answer: unknown): void {
  const cut = round.cut(answer, part.length)
  for (const [j, i] of part.entries()) {
    const result = cut[j]
    if (result === undefined) round.left.push(i)
    else round.results[i] = result
  }
}

/** Asks for an item by its key, and follows once where that is said to be elsewhere. */
async function askAlone<T>(
  { servers, topology }: { readonly servers: Servers; readonly topology: Topology },
  work: Work,
  round: Round<T>,
  { i, call }: { readonly i: number; readonly call: Asking | undefined },
): Promise<void> {
  const item = round.items[i] as Item
  const { key } = item
  try {
    const group = topology.groups[topology.groupOf(key)]
    if (group === undefined) throw fail('STORE_UNREACHABLE', 'No node of the Redis Cluster has the slot of a key')
    const asked = group.node.run(work.script, [key], work.argumentsOf(group, [item]), call)
    const answer = await asked.catch(async (thrown: unknown) => {
      const [, word, address] = /\b(MOVED|ASK) \d+ (\S+)/.exec(thrown instanceof Error ? thrown.message : '') ?? []
      if (word === undefined || address === undefined) throw thrown
      // What stands beside rows is the other server's own; one that has no slots yet has none, and is only read from.
      const known = topology.groups.find(({ node }) => node.name === address)
      const there = known ?? (work.script.reads ? { node: servers.at(address), tag: '' } : undefined)
      if (there === undefined) throw thrown
      const all = work.argumentsOf(there, [item])
      return word === 'ASK'
        ? there.node.runAsking(work.script, key, all, call)
        : there.node.run(work.script, [key], all, call)
    })
    take(round, [i], answer)
  } catch (error) {
    if (isElsewhere(error)) round.left.push(i)
    else round.failures.push({ items: [i], error })
  }
}

function patienceOf({ script }: Work, call: Asking | undefined): number {
  const leftMs = call?.deadlineAtMs === undefined ? patienceMs : call.deadlineAtMs - Date.now() - marginMs
  return Math.min(leftMs, script.reads ? movingMs : patienceMs)
}

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
  { script, argumentsOf }: Work,
  items: readonly Item[],
  call: Asking | undefined,
): Promise<unknown> {
  if (group === undefined) throw fail('STORE_UNREACHABLE', 'No node of the Redis Cluster has the slot of a key')
  return group.node.run(script, [], argumentsOf(group, items), call)
}
