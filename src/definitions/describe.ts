import type { Call } from '../kernel/call.ts'
import { must } from '../kernel/assert.ts'
import { fail } from '../kernel/errors.ts'
import { nearest } from '../kernel/nearest.ts'
import type { Described, ListKind } from '../contract/store.ts'
import { servicesReading } from '../decide/service-outputs.ts'
import type { Snapshot } from '../decide/snapshot.ts'
import type { Definition, Definitions } from '../define/definition.ts'
import { toWireBody } from '../define/wire.ts'
import type { Snapshots } from '../ports/snapshots.ts'
import { describeView } from './describe-view.ts'
import { type StoredDeps, type StoredView, storedViews } from './stored-views.ts'

/** What listing and showing read. */
export interface DescribeDeps extends StoredDeps {
  readonly snapshots: Snapshots
}

/** Everything of a kind in the registry's head, by name; views with what is stored of them. */
export async function list(deps: DescribeDeps, kind: ListKind, call?: Call): Promise<Described[]> {
  const snapshot = await deps.snapshots.current(call)
  const found = [...sectionOf(snapshot.definitions, kind).values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  return describe(deps, snapshot, found, call)
}

/** One thing of a kind. @throws UNKNOWN_NAME with the nearest name of that kind. */
export async function show(
  deps: DescribeDeps,
  { kind, name }: { readonly kind: ListKind; readonly name: string },
  call?: Call,
): Promise<Described> {
  const snapshot = await deps.snapshots.current(call)
  const section = sectionOf(snapshot.definitions, kind)
  const definition = section.get(name)
  const [described] = await describe(deps, snapshot, definition === undefined ? [] : [definition], call)
  if (described !== undefined) return described
  const near = nearest(name, section.keys())
  throw fail(
    'UNKNOWN_NAME',
    `There is no "${name}" among the ${kind}`,
    near === undefined ? {} : { remedy: `Did you mean "${near}"? provender ls lists what there is.` },
  )
}

async function describe(
  deps: DescribeDeps,
  { definitions }: Snapshot,
  found: readonly Definition[],
  call?: Call,
): Promise<Described[]> {
  const stored = await storedViews(deps, found, call)
  return found.map((definition) => present(factsOf(definitions, definition, stored)))
}

function factsOf(
  definitions: Definitions,
  definition: Definition,
  stored: ReadonlyMap<string, StoredView>,
): { readonly name: string } & Readonly<Record<string, unknown>> {
  const { name } = definition
  switch (definition.kind) {
    case 'entity':
      return {
        name,
        ...toWireBody(definition),
        keys: definition.keys,
        key: undefined,
        views: viewsWhere(definitions, (view) => view.entities.includes(name)),
      }
    case 'source':
      return {
        name,
        ...toWireBody(definition),
        views: viewsWhere(definitions, (view) => view.source === name),
      }
    case 'view':
      return {
        ...describeView(definitions, definition, must(stored.get(name), `${name} was looked at`)),
        services: servicesReading(definitions, name),
      }
    case 'service':
    case 'on-demand':
      return { name, ...toWireBody(definition) }
  }
}

const viewsWhere = (
  definitions: Definitions,
  holds: (view: Extract<Definition, { kind: 'view' }>) => boolean,
): string[] =>
  [...definitions.views.values()]
    .filter(holds)
    .map((view) => view.name)
    .sort()

function sectionOf(definitions: Definitions, kind: ListKind): ReadonlyMap<string, Definition> {
  return kind === 'on-demand' ? definitions.onDemand : definitions[kind]
}

/** What is there of it, frozen. */
const present = (described: { readonly name: string } & Readonly<Record<string, unknown>>): Described =>
  Object.freeze(Object.fromEntries(Object.entries(described).filter(([, value]) => value !== undefined))) as Described
