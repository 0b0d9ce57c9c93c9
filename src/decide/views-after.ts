import type { Definitions } from '../define/definition.ts'
import { type ResolvedView, resolveView } from '../define/resolved-view.ts'
import { type Generation, type Generations, noGenerations } from './generations.ts'
import { bornSince, generationsAfter, type Outcome, outcomeOf } from './generations-after.ts'

/** The registry as an apply finds it. */
export interface ApplyFacts {
  /** By view, with the number of each document. */
  readonly generations: ReadonlyMap<string, { readonly version: number; readonly value: Generations }>
  /** The definitions of every version that a generation names. */
  readonly versions: ReadonlyMap<number, Definitions>
  /** The new version and its definitions. */
  readonly version: number
  readonly definitions: Definitions
  readonly at: bigint
  readonly nowMs: number
}

/** What an apply makes of one view's generations. */
export interface ViewAfter {
  readonly view: string
  /** The number of the document that it was made from. */
  readonly expect: number
  readonly value: Generations
  readonly outcome: Outcome
  /** Generations whose place in the online store has to be there first. */
  readonly born: readonly Generation[]
}

/** What an apply makes of the generations of all views, by name; views of which nothing is stored before or after are left out. */
export function viewsAfter(facts: ApplyFacts): ViewAfter[] {
  const names = [...new Set([...facts.definitions.views.keys(), ...facts.generations.keys(), ...viewsOf(facts)])].sort()
  return names.flatMap((view) => {
    const { version: expect, value: before } = facts.generations.get(view) ?? { version: 0, value: noGenerations }
    const { version, at, nowMs } = facts
    const applied = {
      view: viewBy(facts.definitions, view),
      storedBy: (stored: number) => viewBy(facts.versions.get(stored), view),
      version,
      at,
      nowMs,
    }
    const value = generationsAfter(before, applied)
    return value === before
      ? []
      : [{ view, expect, value, outcome: outcomeOf(before, value), born: bornSince(before, value) }]
  })
}

/** The views of the version before: one that goes without ever having been online is remembered too, for its pushed rows. */
function viewsOf({ versions, version }: ApplyFacts): Iterable<string> {
  return versions.get(version - 1)?.views.keys() ?? []
}

function viewBy(definitions: Definitions | undefined, name: string): ResolvedView | null {
  const view = definitions?.views.get(name)
  return definitions === undefined || view === undefined ? null : resolveView(definitions, view)
}
