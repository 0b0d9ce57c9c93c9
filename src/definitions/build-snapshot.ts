import type { Call } from '../kernel/call.ts'
import { must } from '../kernel/assert.ts'
import type { Definitions } from '../define/definition.ts'
import { type ResolvedView, resolveView } from '../define/resolved-view.ts'
import { type Generation, type Generations, noGenerations } from '../decide/generations.ts'
import type { Snapshot, StoredGeneration, ViewSnapshot } from '../decide/snapshot.ts'
import type { RegistrySnapshot } from '../ports/registry.ts'

/** Makes a snapshot of what the registry answered; `before` is the last one. */
export type BuildSnapshot = (registry: RegistrySnapshot, before: Snapshot | undefined) => Promise<Snapshot>

/**
 * Builds snapshots. Whatever shows the same as in the snapshot before is the same object, up to the snapshot itself: runs
 * write their progress often, and what callers have compiled for a snapshot stays good.
 */
export function snapshotBuilder(definitionsOf: (version: number, call?: Call) => Promise<Definitions>): BuildSnapshot {
  const resolved = new WeakMap<Definitions, Map<string, ResolvedView>>()
  const viewBy = (definitions: Definitions, name: string): ResolvedView | null => {
    const view = definitions.views.get(name)
    if (view === undefined) return null
    const known = resolved.get(definitions) ?? new Map<string, ResolvedView>()
    resolved.set(definitions, known)
    const found = known.get(name) ?? resolveView(definitions, view)
    known.set(name, found)
    return found
  }
  return async ({ head, generations }, before) => {
    const definitions = await definitionsOf(head.version)
    const names = [...new Set([...definitions.views.keys(), ...generations.keys()])].sort()
    const states = names.map((name): [string, Generations] => [name, generations.get(name)?.value ?? noGenerations])
    const pinned = new Set(states.flatMap(([, state]) => named(state).map((each) => each.definition)))
    const byVersion = new Map(
      await Promise.all([...pinned].map(async (version) => [version, await definitionsOf(version)] as const)),
    )
    const storedBy = (name: string, version: number): ResolvedView => {
      const found = viewBy(must(byVersion.get(version), 'the version was read'), name)
      return must(found, `version ${version} has the view ${name} that it names a generation of`)
    }
    const sameHead = before?.version === head.version
    const views = new Map<string, ViewSnapshot>()
    for (const [name, state] of states) {
      const known = sameHead ? before.views.get(name) : undefined
      views.set(
        name,
        known !== undefined && sameGenerations(known.generations, state)
          ? known
          : viewSnapshot(name, { state, head: viewBy(definitions, name), storedBy }),
      )
    }
    const same =
      sameHead &&
      before.views.size === views.size &&
      [...views].every(([name, view]) => before.views.get(name) === view)
    return same ? before : Object.freeze({ version: head.version, definitions, views })
  }
}

interface ViewFacts {
  readonly state: Generations
  readonly head: ResolvedView | null
  readonly storedBy: (name: string, version: number) => ResolvedView
}

function viewSnapshot(name: string, { state, head, storedBy }: ViewFacts): ViewSnapshot {
  const stored = <G extends Generation>(generation: G): G & StoredGeneration =>
    Object.freeze({ ...generation, resolved: storedBy(name, generation.definition) })
  return Object.freeze({
    name,
    head,
    generations: state,
    serving: state.serving === null ? null : stored(state.serving),
    building: state.building === null ? null : stored(state.building),
    replaced: Object.freeze(state.replaced.map(stored)),
  })
}

const named = ({ serving, building, replaced }: Generations): Generation[] =>
  [serving, building, ...replaced].filter((each) => each !== null)

function sameGenerations(a: Generations, b: Generations): boolean {
  if (a === b) return true
  const [before, after] = [
    [a.serving, a.building, ...a.replaced],
    [b.serving, b.building, ...b.replaced],
  ]
  return (
    a.removedAtMs === b.removedAtMs &&
    a.purgedBelow === b.purgedBelow &&
    before.length === after.length &&
    before.every((each, i) => sameGeneration(each, after[i] ?? null))
  )
}

function sameGeneration(a: Generation | null, b: Generation | null): boolean {
  if (a === null || b === null) return a === b
  return (
    a.generation === b.generation &&
    a.revision === b.revision &&
    a.definition === b.definition &&
    a.bornAtMs === b.bornAtMs
  )
}
