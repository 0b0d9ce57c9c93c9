import type { Call } from '../kernel/call.ts'
import type { Plan } from '../contract/store.ts'
import { apply } from './apply.ts'
import type { ApplyTerms, DefinitionsDeps } from './deps.ts'

/**
 * Applies an older version again: a new version equal to it, by all rules of `apply`. Generations of its meaning whose
 * rows are still there are brought up to date and serve again; others are built.
 * @throws UNKNOWN_VERSION; all that `apply` throws.
 */
export async function rollback(deps: DefinitionsDeps, version: number, terms: ApplyTerms, call?: Call): Promise<Plan> {
  const definitions = await deps.snapshots.definitions(version, call)
  return apply(deps, definitions, { message: `Roll back to version ${version}`, ...terms }, call)
}
