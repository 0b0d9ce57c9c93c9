import { type Call, checkCall } from '../kernel/call.ts'
import { fail, type ProvenderError } from '../kernel/errors.ts'
import type { Change, Plan } from '../contract/store.ts'
import type { Definitions } from '../define/definition.ts'
import { toWire } from '../define/wire.ts'
import type { RegistryVersion, Swap } from '../ports/registry.ts'
import type { ApplyTerms, DefinitionsDeps } from './deps.ts'
import { lostTo, type Planned, prepare, type Prepared, soundSources } from './plan.ts'

/** How often an apply is made again because a run came between, or the clock went on. */
const applyTries = 50

/**
 * Makes definitions the registry's next version, and starts what follows from it: generations are born in the online store
 * before the registry names them. Definitions that equal the head's commit nothing. Valid definitions only.
 * @returns the new version, or the head's where nothing changed, and the changes.
 * @throws REGISTRY_CONFLICT when `parentVersion` is not the head, or somebody else applied meanwhile; BREAKING_CHANGE without
 * `allowBreaking`; MISSING_COLUMN, TYPE_MISMATCH, SOURCE_UNREADABLE: all of all sources at once.
 */
export async function apply(
  deps: DefinitionsDeps,
  definitions: Definitions,
  terms: ApplyTerms,
  call?: Call,
): Promise<Plan> {
  const unchecked: Planned = {
    definitions,
    sources: { facts: new Map(), errors: [] },
    ...parentOf(terms.parentVersion),
  }
  const first = await prepare(deps, unchecked, call)
  if (first.changes.length === 0) return { version: first.head.version, changes: [] }
  const planned: Planned = { ...unchecked, sources: await soundSources(deps, definitions, call) }
  for (let tries = 0; tries < applyTries; tries++) {
    checkCall(call)
    const prepared = await prepare(deps, planned, call)
    // Somebody else applied the very same.
    if (prepared.changes.length === 0) return { version: prepared.head.version, changes: [] }
    if (prepared.head.version !== first.head.version) throw lostTo(prepared.head, first.head.version)
    refuseBreaking(prepared.changes, terms)
    const swap = await commit(deps, { prepared, definitions, terms }, call)
    if (swap.kind === 'done') return { version: swap.value.version, changes: prepared.changes }
  }
  throw fail(
    'REGISTRY_CONFLICT',
    `Runs changed the state of views ${applyTries} times while definitions were applied`,
    { remedy: 'Apply again.' },
  )
}

const parentOf = (parentVersion: number | undefined): Pick<Planned, 'parentVersion'> =>
  parentVersion === undefined ? {} : { parentVersion }

interface Committed {
  readonly prepared: Prepared
  readonly definitions: Definitions
  readonly terms: ApplyTerms
}

async function commit(
  deps: DefinitionsDeps,
  { prepared, definitions, terms }: Committed,
  call?: Call,
): Promise<Swap<RegistryVersion>> {
  // A cursor of 0: all that was ever pushed to the view is brought online by catch-up.
  for (const { view, born } of prepared.views)
    for (const { generation } of born) await deps.marks.birth({ view, generation }, 0n, call)
  return deps.registry.commit(
    {
      parent: prepared.head.version,
      definitions: toWire(definitions),
      author: terms.author,
      ...(terms.message === undefined ? {} : { message: terms.message }),
      changes: prepared.changes.length,
      generations: prepared.views.map(({ view, expect, value }) => ({ view, expect, value })),
      at: prepared.at,
    },
    call,
  )
}

function refuseBreaking(changes: readonly Change[], { allowBreaking }: ApplyTerms): void {
  const breaking = changes.filter((change) => change.breaking)
  if (breaking.length === 0 || allowBreaking === true) return
  const errors = breaking.map(({ kind, name, consequence }): ProvenderError =>
    fail('BREAKING_CHANGE', `${kind} ${name}: ${consequence}`),
  )
  const [only] = errors
  throw errors.length === 1 && only !== undefined
    ? only
    : fail(
        'BREAKING_CHANGE',
        `${errors.length} changes break what services read: ${breaking.map(({ kind, name }) => `${kind} ${name}`).join(', ')}`,
        { errors },
      )
}
