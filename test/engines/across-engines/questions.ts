import type { Definitions } from '../../../src/define/definition.ts'
import { type ViewUse, asOfPlan, eventsPlan, snapshotPlan } from '../../../src/query/historical.ts'
import { runPlan } from '../../../src/query/materialize.ts'
import type { Relation } from '../../../src/query/relation.ts'
import { useOf } from '../../../src/testing/offline-bench.ts'
import type { Seeded } from '../../../src/testing/seeded.ts'
import type { SpineInput } from '../../../src/ports/offline.ts'
import type { FileIdentity } from '../../../src/values/file-identity.ts'
import { gaps, unite } from '../../../src/values/intervals.ts'
import type { Value } from '../../../src/values/value.ts'
import { type History, viewsOf } from './history.ts'
import { drawInstant, drawInterval } from './instants.ts'

/** What differs from engine to engine. */
export interface Place {
  readonly definitions: Definitions
  /** Of the records of the history. */
  readonly positions: readonly bigint[]
  readonly head: bigint
  /** Of a view's source, by path. */
  readonly filesOf: (source: string) => readonly FileIdentity[]
}

/** A question: a plan for an engine, and what is brought with it. */
export interface Question {
  readonly about: string
  /** Null where there is nothing to read. */
  readonly plan: (place: Place) => Relation | null
  readonly spine?: SpineInput
  /** The rows come in no order. */
  readonly unordered?: true
}

/** Draws questions about a history: joins, events, snapshots, and what materializations read. */
export function drawQuestions(random: Seeded, history: History, count: number): Question[] {
  const kinds = [drawJoin, drawJoin, drawJoin, drawEvents, drawSnapshot, drawRun]
  return Array.from({ length: count }, () => random.pick(kinds)(random, history))
}

const spineSizes = [0, 1, 7, 40, 150]

type Use = (place: Place) => ViewUse

/** A use of a view, with rows below some record purged now and then. */
function drawUse(random: Seeded, view: number, change: Partial<ViewUse> = {}): Use {
  const purged = random.int(4) === 0 ? random.int(12) : 0
  return ({ definitions, positions }) => {
    const resolved = viewsOf(definitions)[view]
    if (resolved === undefined) throw new Error('There are three views')
    const outputs = resolved.features.map(({ name }) => ({
      feature: name,
      as: `${change.outputs?.[0]?.as ?? ''}${view}_${name}`,
    }))
    return useOf(resolved, { ...change, outputs, purgedBelow: purged === 0 ? 0n : (positions[purged] ?? 0n) })
  }
}

function drawCut(random: Seeded): { asOf?: bigint } {
  return random.int(3) === 0 ? { asOf: drawInstant(random) } : {}
}

function drawJoin(random: Seeded, history: History): Question {
  const views = viewsOf(history.definitions(false))
  const used = random.shuffle([0, 1, 2]).slice(0, 1 + random.int(3))
  const columns: Record<string, unknown[]> = {}
  const size = random.pick(spineSizes)
  const uses = used.flatMap((view): Use[] => {
    const keys = views[view]?.joinKeys ?? []
    const spineKeys = (prefix: string): [string, string][] =>
      keys.map(({ name, type }) => {
        const column = `${prefix}${name}`
        columns[column] ??= Array.from({ length: size }, () => (random.int(9) === 0 ? null : history.values.key(type)))
        return [name, column]
      })
    const own = drawUse(random, view, { keys: new Map(spineKeys('')) })
    if (random.int(3) > 0) return [own]
    return [
      own,
      drawUse(random, view, { keys: new Map(spineKeys('other_')), outputs: [{ feature: '', as: 'other_' }] }),
    ]
  })
  columns['moment'] = Array.from({ length: size }, () => drawInstant(random))
  columns['label'] = Array.from({ length: size }, () => random.pick(['', 'a', 'naïve, "quoted"\n', null]))
  const request = { timestamp: 'moment', knownBySpine: random.int(3) === 0, ...drawCut(random) }
  return {
    about: `as-of join of the views ${used.join(', ')} to ${size} rows, ${text(request)}`,
    plan: (place) =>
      asOfPlan(
        place.definitions,
        uses.map((use) => use(place)),
        request,
      ),
    spine: { kind: 'columns', columns },
  }
}

function drawEvents(random: Seeded): Question {
  const view = random.int(3)
  const use = drawUse(random, view)
  const range = { ...drawInterval(random), ...drawCut(random) }
  return {
    about: `events of the view ${view}, ${text(range)}`,
    plan: (place) => eventsPlan(place.definitions, use(place), range),
  }
}

function drawSnapshot(random: Seeded): Question {
  const view = random.int(3)
  const use = drawUse(random, view)
  const range = { at: drawInstant(random), includeExpired: random.int(2) === 0, ...drawCut(random) }
  return {
    about: `snapshot of the view ${view}, ${text(range)}`,
    plan: (place) => snapshotPlan(place.definitions, use(place), range),
  }
}

/** What a materialization would read, after some other one or as the first. */
function drawRun(random: Seeded): Question {
  const view = random.int(3)
  const covered = random.int(3) === 0 ? [] : unite([drawInterval(random)], [drawInterval(random)])
  const request = [drawInterval(random)]
  const gap = random.int(3) === 0 ? request : gaps(request, covered)
  const [known, file] = [random.int(25), random.int(3)]
  const foreign = random.int(2) === 0 ? null : { createdFrom: drawInstant(random), eventFrom: drawInstant(random) }
  return {
    about: `a run of the view ${view}, ${text({ covered, request, gap, known, file, foreign })}`,
    unordered: true,
    plan(place) {
      const resolved = viewsOf(place.definitions)[view]
      if (resolved === undefined) throw new Error('There are three views')
      const files = place.filesOf(resolved.source.name)
      return runPlan(place.definitions, resolved, {
        covered,
        request,
        gap,
        coveredFiles: files.filter((_, i) => i < file),
        newFiles: files.filter((_, i) => i >= file),
        coveredPosition: place.positions[known] ?? 0n,
        logBefore: place.head,
        purgedBelow: 0n,
        newFrom: null,
        foreign,
      })
    },
  }
}

const text = (value: unknown): string =>
  JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? String(each) : each)) ?? ''

/** An answer in an order of its own, for those that have none. */
export function sorted(table: Record<string, (Value | null)[]>): Record<string, (Value | null)[]> {
  const names = Object.keys(table)
  const rows = Array.from({ length: table[names[0] ?? '']?.length ?? 0 }, (_, i) =>
    names.map((name) => table[name]?.[i] ?? null),
  )
  const inOrder = rows
    .map((row) => ({ row, key: text(row) }))
    .toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
  return Object.fromEntries(names.map((name, i) => [name, inOrder.map(({ row }) => row[i] ?? null)]))
}
