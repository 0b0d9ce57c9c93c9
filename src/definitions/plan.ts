import type { Call } from '../kernel/call.ts'
import { fail, failAll, type ProvenderError } from '../kernel/errors.ts'
import { formatInstant } from '../values/instant.ts'
import type { Change, Plan } from '../contract/store.ts'
import type { Backfill } from '../decide/consequence.ts'
import { diffDefinitions } from '../decide/diff.ts'
import type { Generations } from '../decide/generations.ts'
import { type ViewAfter, viewsAfter } from '../decide/views-after.ts'
import { coveredBy } from '../decide/attempt.ts'
import type { Definitions } from '../define/definition.ts'
import { wireText } from '../define/wire.ts'
import type { RegistrySnapshot, RegistryVersion } from '../ports/registry.ts'
import { checkColumns } from './check-columns.ts'
import type { ApplyTerms, DefinitionsDeps } from './deps.ts'
import { findSources, type FoundSources } from './source-facts.ts'

/** A plan with all that an apply of it writes. */
export interface Prepared {
  readonly head: RegistryVersion
  readonly changes: readonly Change[]
  readonly views: readonly ViewAfter[]
  /** The instant that new generations and revisions carry. */
  readonly at: bigint
}

/**
 * Compares definitions with the registry's head and tells what an apply of them would do. Valid definitions only.
 * @throws REGISTRY_CONFLICT when `parentVersion` is not the head; MISSING_COLUMN, TYPE_MISMATCH, SOURCE_UNREADABLE: all of all sources at once.
 */
export async function plan(
  deps: DefinitionsDeps,
  definitions: Definitions,
  terms: Pick<ApplyTerms, 'parentVersion'> = {},
  call?: Call,
): Promise<Plan> {
  const sources = await soundSources(deps, definitions, call)
  const { head, changes } = await prepare(deps, { definitions, sources, ...terms }, call)
  return { version: head.version, changes }
}

/** What the sources are, and that the views fit them. */
export async function soundSources(
  deps: DefinitionsDeps,
  definitions: Definitions,
  call?: Call,
): Promise<FoundSources> {
  const sources = await findSources(deps.offline, definitions, call)
  const errors = [...sources.errors, ...checkColumns(definitions, sources.facts)]
  if (errors.length > 0) throw failAll(errors)
  return sources
}

/** What a plan is made of. */
export interface Planned {
  readonly definitions: Definitions
  readonly sources: FoundSources
  readonly parentVersion?: number
}

/** Reads the head and prepares an apply on it. */
export async function prepare(deps: DefinitionsDeps, planned: Planned, call?: Call): Promise<Prepared> {
  const answer = await deps.registry.snapshot(undefined, call)
  if (answer === null) throw new Error('Assertion failed: a snapshot without a token is never null')
  const { head } = answer.snapshot
  const { definitions, parentVersion } = planned
  if (parentVersion !== undefined && parentVersion !== head.version) throw lostTo(head, parentVersion)
  const before = await deps.snapshots.definitions(head.version, call)
  const at = deps.clock.now()
  if (wireText(before) === wireText(definitions)) return { head, changes: [], views: [], at }
  const versions = new Map([[head.version, before]])
  for (const version of versionsNamed(answer.snapshot))
    versions.set(version, versions.get(version) ?? (await deps.snapshots.definitions(version, call)))
  const views = viewsAfter({
    generations: answer.snapshot.generations,
    versions,
    version: head.version + 1,
    definitions,
    at,
    nowMs: Date.now(),
  })
  const outcomes = new Map(views.map(({ view, outcome }) => [view, outcome]))
  const changes = diffDefinitions(before, definitions, {
    outcomes,
    backfills: await backfillsOf(deps, { views, ...planned }, call),
  })
  return { head, changes, views, at }
}

/** The error of whoever planned on a version that is no longer, or was never, the head. */
export function lostTo(head: RegistryVersion, parent: number): ProvenderError {
  const who =
    head.version === 0
      ? 'The registry is empty'
      : `Version ${head.version} is the head, applied by ${head.author} at ${formatInstant(head.createdAt)}`
  return fail('REGISTRY_CONFLICT', `${who}; this was planned on version ${parent}`, {
    remedy: `Plan again on version ${head.version}.`,
  })
}

const versionsNamed = ({ generations }: RegistrySnapshot): number[] =>
  [...generations.values()].flatMap(({ value }) => named(value))

const named = ({ serving, building, replaced }: Generations): number[] =>
  [serving, building, ...replaced].flatMap((each) => each?.definition ?? [])

/** How much each view that has to be read again will read: an estimate of its source, and what is materialized now. */
async function backfillsOf(
  deps: DefinitionsDeps,
  { views, definitions, sources }: Planned & { readonly views: readonly ViewAfter[] },
  call?: Call,
): Promise<Map<string, Backfill>> {
  const backfills = new Map<string, Backfill>()
  for (const { view, outcome, value } of views) {
    if (outcome !== 'born' && outcome !== 'generation' && outcome !== 'revision') continue
    const source = definitions.views.get(view)?.source ?? ''
    const { value: state } =
      outcome === 'born' || value.serving === null ? { value: null } : await deps.runLog.readState(view, call)
    const covered = state === null || value.serving === null ? [] : coveredBy(state.progress, value.serving.generation)
    backfills.set(view, { rows: sources.facts.get(source)?.rows ?? null, covered })
  }
  return backfills
}
