import type {
  ApplyOptions,
  Change,
  DefinitionsLike,
  Described,
  ListKind,
  Plan,
  Store,
  VersionEntry,
} from '../contract/store.ts'
import type { WireDefinitions } from '../define/definition.ts'
import { type Problem, type ProvenderError, failAll, isProvenderError } from '../kernel/errors.ts'
import type { Caller } from './caller.ts'
import { errorOfProblem, placed } from './problem-error.ts'
import { jsonText, objectText } from './request-text.ts'

/** The verbs of definitions and the registry. */
export function registryVerbs(
  caller: Caller,
): Pick<Store, 'validate' | 'plan' | 'apply' | 'registry' | 'versions' | 'diff' | 'rollback' | 'list' | 'show'> {
  const change = async (name: 'plan' | 'apply', given: DefinitionsLike, options: ApplyOptions = {}): Promise<Plan> => {
    const { errors, wire } = await written(given)
    if (errors.length > 0) throw failAll(errors)
    const { message, parentVersion, allowBreaking } = options
    const body = objectText({
      definitions: JSON.stringify(wire),
      message: jsonText(message),
      parentVersion: jsonText(parentVersion),
      allowBreaking: jsonText(allowBreaking),
    })
    return (await aboveDefinitions(caller.ask(name, { body }, options))) as Plan
  }
  return {
    async validate(given, options) {
      const { errors, wire } = await written(given)
      if (errors.length > 0) return { ok: false, errors: errors.map((error) => error.toProblem()) }
      // The server may be of another release.
      const answer = await caller.ask('validate', { body: objectText({ definitions: JSON.stringify(wire) }) }, options)
      const found = answer.errors.flatMap((problem) => errorOfProblem(problem) ?? [])
      return { ok: answer.ok, errors: found.map((error): Problem => placed(error, withoutMember).toProblem()) }
    },
    plan: (given, options) => change('plan', given, options),
    apply: (given, options) => change('apply', given, options),
    async rollback(version, options = {}) {
      const { message, parentVersion, allowBreaking } = options
      const body = JSON.stringify({ version, message, parentVersion, allowBreaking })
      return (await caller.ask('rollback', { body }, options)) as Plan
    },
    async registry(version, options) {
      const found = await caller.ask('registry', { query: { version: jsonText(version) } }, options)
      return found as VersionEntry & { readonly definitions: WireDefinitions }
    },
    async versions(options) {
      const { versions } = await caller.ask('versions', { query: { limit: jsonText(options?.limit) } }, options)
      return versions as VersionEntry[]
    },
    async diff(from, to, options) {
      const found = await caller.ask('diff', { query: { from: String(from), to: jsonText(to) } }, options)
      return found as { from: number; to: number; changes: readonly Change[] }
    },
    async list(kind, options) {
      const answer = await caller.ask(listCalls[kind], {}, options)
      return (answer as Readonly<Record<string, Described[]>>)[kind] ?? []
    },
    show: async (kind, name, options) =>
      caller.ask(showCalls[kind], { params: { name } }, options) as Promise<Described>,
  }
}

const listCalls = Object.freeze({
  entities: 'entities',
  sources: 'sources',
  views: 'views',
  'on-demand': 'onDemand',
  services: 'services',
} as const satisfies Record<ListKind, string>)

const showCalls = Object.freeze({
  entities: 'entity',
  sources: 'source',
  views: 'view',
  'on-demand': 'onDemandOne',
  services: 'service',
} as const satisfies Record<ListKind, string>)

/** Definitions of any form in the wire form, and all that is wrong with them: told here as where they are applied. */
async function written(
  given: DefinitionsLike,
): Promise<{ readonly errors: readonly ProvenderError[]; readonly wire: WireDefinitions }> {
  const [{ readDefinitions }, { toWire }] = await Promise.all([
    import('../define/read-definitions.ts'),
    import('../define/wire.ts'),
  ])
  const { definitions, errors } = readDefinitions(given)
  return { errors, wire: toWire(definitions) }
}

/** A place in the body as one in the definitions, which are a member of it. */
const withoutMember = (at: string): string => at.replace(/^\/definitions(?=\/|$)/, '')

async function aboveDefinitions<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked
  } catch (thrown) {
    throw isProvenderError(thrown) ? placed(thrown, withoutMember) : thrown
  }
}
