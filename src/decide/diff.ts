import type { Definition, Definitions, ServiceDef } from '../define/definition.ts'
import { type Backfill, backfillText, listed, outcomeText, readersText, sentence } from './consequence.ts'
import { changedFields, type FieldChange } from './diff-fields.ts'
import { affectedViews } from './affected-views.ts'
import { viewChange } from './diff-view.ts'
import type { Outcome } from './generations-after.ts'
import { outputsOf, servicesReading } from './service-outputs.ts'

/** One difference between two versions of the definitions, and what follows from it. */
export interface DefinitionChange {
  readonly action: 'add' | 'change' | 'remove'
  readonly kind: Definition['kind']
  readonly name: string
  /** Whether it takes away, or gives another meaning to, what a service of the older version reads. */
  readonly breaking: boolean
  /** Of a change: what differs. */
  readonly fields?: readonly FieldChange[]
  readonly consequence: string
}

/** What is known beside the definitions, by view. What is left out is not told. */
export interface DiffFacts {
  /** What becomes of the generations; left out, it is told from the definitions alone. */
  readonly outcomes?: ReadonlyMap<string, Outcome>
  readonly backfills?: ReadonlyMap<string, Backfill>
}

/** One thing that differs: `from` and `to` are of one kind and name, and one of them may be missing. */
export interface Difference<D extends Definition = Definition> {
  readonly name: string
  readonly from: D | undefined
  readonly to: D | undefined
  readonly fields: readonly FieldChange[]
}

/** Both versions, and what is known beside them. */
export interface Compared extends DiffFacts {
  readonly before: Definitions
  readonly after: Definitions
}

/** What a difference means. */
export interface Meaning {
  readonly breaking: boolean
  readonly consequence: string
}

/**
 * The differences between two versions of the definitions: entities, sources, views, on-demand views, services, each in
 * the order of names. None if and only if the two are equal.
 */
export function diffDefinitions(before: Definitions, after: Definitions, facts: DiffFacts = {}): DefinitionChange[] {
  const compared: Compared = { before, after, ...facts }
  return [
    ...changes('entity', [before.entities, after.entities], (each) => belowViews(compared, each, 'entity')),
    ...changes('source', [before.sources, after.sources], (each) => belowViews(compared, each, 'source')),
    ...changes('view', [before.views, after.views], (each) => viewChange(compared, each)),
    ...changes('on-demand', [before.onDemand, after.onDemand], () => ({
      breaking: false,
      consequence: 'Nothing stored changes.',
    })),
    ...changes('service', [before.services, after.services], (each) => serviceChange(compared, each)),
  ]
}

function changes<D extends Definition>(
  kind: D['kind'],
  [before, after]: readonly [ReadonlyMap<string, D>, ReadonlyMap<string, D>],
  mean: (difference: Difference<D>) => Meaning,
): DefinitionChange[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort()
  return names.flatMap((name): DefinitionChange[] => {
    const from = before.get(name)
    const to = after.get(name)
    if (from === undefined || to === undefined) {
      const { breaking, consequence } = mean({ name, from, to, fields: [] })
      return [{ action: from === undefined ? 'add' : 'remove', kind, name, breaking, consequence }]
    }
    const fields = changedFields(from, to)
    if (fields.length === 0) return []
    const { breaking, consequence } = mean({ name, from, to, fields })
    return [{ action: 'change', kind, name, breaking, fields, consequence }]
  })
}

/** An entity or a source stores nothing itself: what it means, it means for the views over it. */
function belowViews(compared: Compared, { name, from, to }: Difference, kind: 'entity' | 'source'): Meaning {
  const { before, after } = compared
  const views = affectedViews(compared, name, kind)
  if (views.length === 0)
    return {
      breaking: false,
      consequence:
        from === undefined || to === undefined
          ? 'Nothing stored changes: no view that was there reads it.'
          : 'Nothing stored changes.',
    }
  const services = [...new Set(views.flatMap((view) => servicesReading(before, view)))].sort()
  const breaking = services.length > 0
  const online = views.filter((view) => after.views.get(view)?.online === true)
  const followed = followedBy(compared, online)
  const consequence = sentence(`values of ${listed(views)} mean something else from now on: ${followed}`)
  return { breaking, consequence: consequence + readersText(services, breaking) }
}

/** What becomes of the views over an entity or a source: most are built anew; on the way back some are still there. */
function followedBy({ outcomes, backfills }: Compared, views: readonly string[]): string {
  const outcomeOf = (view: string): Outcome => outcomes?.get(view) ?? 'generation'
  const built = views
    .filter((view) => outcomeOf(view) === 'generation')
    .map((view) => view + backfillText(backfills?.get(view)))
  const rest = views.filter((view) => outcomeOf(view) !== 'generation')
  const parts = [
    ...(built.length === 0
      ? []
      : [`the next materialization of ${listed(built)} builds a new generation while the present one serves`]),
    ...rest.map(
      (view) =>
        `of ${view}, ${outcomeText(outcomeOf(view), { backfill: backfills?.get(view), because: [], added: [] })}`,
    ),
  ]
  return parts.length === 0 ? 'nothing stored changes' : parts.join('; ')
}

function serviceChange({ before, after }: Compared, { from, to }: Difference<ServiceDef>): Meaning {
  if (from === undefined) return { breaking: false, consequence: 'A new service; nothing stored changes.' }
  if (to === undefined)
    return { breaking: true, consequence: 'Whoever reads it is told that the name is unknown; nothing stored changes.' }
  const now = new Map(outputsOf(after, to).map((output) => [output.name, output]))
  const then = outputsOf(before, from)
  const lost = then.filter(({ name }) => !now.has(name)).map(({ name }) => name)
  const other = then
    .filter((output) => now.has(output.name) && JSON.stringify(now.get(output.name)) !== JSON.stringify(output))
    .map(({ name }) => name)
  const gained = [...now.keys()].filter((name) => !then.some((output) => output.name === name))
  const parts = [
    ...(lost.length === 0 ? [] : [`its readers lose ${listed(lost)}`]),
    ...(other.length === 0 ? [] : [`read from elsewhere now: ${listed(other)}`]),
    ...(gained.length === 0 ? [] : [`its readers get ${listed(gained)} too`]),
    'nothing stored changes',
  ]
  return { breaking: lost.length + other.length > 0, consequence: sentence(parts.join('; ')) }
}
