import type { ResolvedView } from '../define/resolved-view.ts'
import { freshGeneration } from './attempt.ts'
import { type Generation, type Generations, type Replaced, replacedKeptMs, targetOf } from './generations.ts'
import { storedEffect } from './view-change.ts'

/** One view as a new registry version finds it. */
export interface AppliedView {
  /** The view by the new version; null where that has none of the name. */
  readonly view: ResolvedView | null
  /** The view by the version that a generation answers by. */
  readonly storedBy: (definition: number) => ResolvedView | null
  /** The new version, and when it is made: by the domain clock, and by the machine's in milliseconds. */
  readonly version: number
  readonly at: bigint
  readonly nowMs: number
}

/**
 * The generations of one view after an apply. A view's first generation serves from birth. A change of meaning builds
 * another one beside it, or finds it: the one being built, the serving one, or a replaced one whose rows are still
 * there (a rollback). Every other change goes to the generation that is being built, else to the serving one, which
 * from then on answers by the new version; while one is built, the serving one keeps the definition that it has.
 */
export function generationsAfter(before: Generations, applied: AppliedView): Generations {
  const { view, nowMs } = applied
  if (view === null) return before.removedAtMs === null ? { ...withdrawn(before, nowMs), removedAtMs: nowMs } : before
  const defined = before.removedAtMs === null ? before : { ...before, removedAtMs: null }
  if (!view.view.online) return withdrawn(defined, nowMs)
  if (defined.serving === null) {
    const empty = withdrawn(defined, nowMs)
    return { ...empty, serving: newborn(empty, applied) }
  }
  return changed(defined, defined.serving, { ...applied, view })
}

type Defined = AppliedView & { readonly view: ResolvedView }

function changed(before: Generations, serving: Generation, applied: Defined): Generations {
  const holds = (generation: Generation): boolean => effectOn(generation, applied) !== 'generation'
  if (before.building !== null && holds(before.building))
    return { ...before, building: updated(before, before.building, applied) }
  const free = {
    ...before,
    building: null,
    replaced: [...replacedNow(before.building, applied.nowMs), ...before.replaced],
  }
  if (holds(serving)) return { ...free, serving: updated(before, serving, applied) }
  const back = before.replaced.find((each) => applied.nowMs < each.replacedAtMs + replacedKeptMs && holds(each))
  if (back === undefined) return { ...free, building: newborn(before, applied) }
  const { replacedAtMs: _, ...revived } = back
  const building = { ...updated(before, revived, applied), bornAtMs: applied.nowMs }
  return { ...free, building, replaced: free.replaced.filter((each) => each !== back) }
}

const effectOn = (generation: Generation, { view, storedBy }: Defined): ReturnType<typeof storedEffect> => {
  const stored = storedBy(generation.definition)
  return stored === null ? 'generation' : storedEffect(stored, view)
}

/** A generation that from now on answers by the new version, in a new revision if its rows have to be read again. */
function updated(before: Generations, generation: Generation, applied: Defined): Generation {
  const revision =
    effectOn(generation, applied) === 'revision' ? newborn(before, applied).revision : generation.revision
  return { ...generation, revision, definition: applied.version }
}

const newborn = (before: Generations, { version, at, nowMs }: AppliedView): Generation =>
  freshGeneration(before, { definition: version, now: at, nowMs })

/** Nothing serves and nothing is built: what did is freed in time. */
function withdrawn(before: Generations, nowMs: number): Generations {
  if (before.serving === null && before.building === null) return before
  const replaced = [...replacedNow(before.building, nowMs), ...replacedNow(before.serving, nowMs), ...before.replaced]
  return { ...before, serving: null, building: null, replaced }
}

const replacedNow = (generation: Generation | null, nowMs: number): Replaced[] =>
  generation === null ? [] : [{ ...generation, replacedAtMs: nowMs }]

/** The generations that one state names and an earlier one does not: those whose place in the online store must be there first. */
export function bornSince(before: Generations, after: Generations): Generation[] {
  const known = new Set(namedIn(before).map((each) => each.generation))
  return namedIn(after).filter((each) => !known.has(each.generation))
}

const namedIn = ({ serving, building, replaced }: Generations): Generation[] =>
  [serving, building, ...replaced].filter((each) => each !== null)

/** What an apply did to a view's generations, as people are told it. */
export type Outcome = 'born' | 'generation' | 'revived' | 'resumed' | 'revision' | 'none' | 'removed' | 'withdrawn'

/** Names what lies between two states of a view's generations. */
export function outcomeOf(before: Generations, after: Generations): Outcome {
  if (after.removedAtMs !== null) return 'removed'
  if (after.serving === null) return before.serving === null ? 'none' : 'withdrawn'
  if (before.serving === null) return 'born'
  if (bornSince(before, after).length > 0) return 'generation'
  if (after.building === null && before.building !== null) return 'resumed'
  if (after.building?.generation !== before.building?.generation) return 'revived'
  return targetOf(after)?.revision === targetOf(before)?.revision ? 'none' : 'revision'
}
