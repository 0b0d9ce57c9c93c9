import { userInfo } from 'node:os'
import type { ApplyOptions, DefinitionsLike, Store } from '../contract/store.ts'
import type { Definitions } from '../define/definition.ts'
import { readDefinitions } from '../define/read-definitions.ts'
import { apply } from '../definitions/apply.ts'
import type { ApplyTerms } from '../definitions/deps.ts'
import { diffVersions, readVersion, versions } from '../definitions/history.ts'
import { plan } from '../definitions/plan.ts'
import { rollback } from '../definitions/rollback.ts'
import { failAll } from '../kernel/errors.ts'
import { callOf } from './arguments.ts'
import type { Parts } from './parts.ts'

/** Versions listed unless asked for fewer or more. */
const listedVersions = 100

/** The verbs of definitions and the registry. */
export function definitionVerbs(
  parts: Parts,
): Pick<Store, 'validate' | 'plan' | 'apply' | 'registry' | 'versions' | 'diff' | 'rollback'> {
  return {
    async validate(definitions) {
      const { errors } = readDefinitions(definitions)
      return { ok: errors.length === 0, errors: errors.map((e) => e.toProblem()) }
    },
    plan: async (definitions, options) => plan(parts, validOf(definitions), termsOf(options), callOf(options)),
    apply: async (definitions, options) => apply(parts, validOf(definitions), termsOf(options), callOf(options)),
    rollback: async (version, options) => rollback(parts, version, termsOf(options), callOf(options)),
    registry: async (version, options) => readVersion(parts, version, callOf(options)),
    versions: async (options) => versions(parts, options?.limit ?? listedVersions, callOf(options)),
    diff: async (from, to, options) =>
      diffVersions(parts, { from, ...(to === undefined ? {} : { to }) }, callOf(options)),
  }
}

/** @throws all errors of the definitions as one. */
function validOf(given: DefinitionsLike): Definitions {
  const { definitions, errors } = readDefinitions(given)
  if (errors.length > 0) throw failAll(errors)
  return definitions
}

const termsOf = (options: ApplyOptions | undefined): ApplyTerms => ({
  author: authorOf(),
  ...(options?.message === undefined ? {} : { message: options.message }),
  ...(options?.parentVersion === undefined ? {} : { parentVersion: options.parentVersion }),
  ...(options?.allowBreaking === undefined ? {} : { allowBreaking: options.allowBreaking }),
})

/** Whom the machine says that we are; a container may know nobody. */
function authorOf(): string {
  try {
    return userInfo().username
  } catch {
    return process.env['USER'] ?? 'unknown'
  }
}
