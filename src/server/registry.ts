import { stringifyExact } from '../codecs/exact-json.ts'
import type { ListKind } from '../contract/store.ts'
import type { ServerContext } from './context.ts'
import { readSent } from './definitions-body.ts'
import type { Asked, Handlers } from './handler.ts'
import type { Routes } from '../contract/routes.ts'
import { demandWithin } from './source-roots.ts'

type Registered = 'about' | 'registry' | 'versions' | 'diff' | 'plan' | 'apply' | 'rollback' | 'validate'

/** The registry, and what plan and apply do to it. */
export function registryHandlers({ store, roots }: ServerContext): Pick<Handlers, Registered> {
  const change = async (verb: 'plan' | 'apply', asked: Asked<Routes['plan']>): Promise<string> => {
    const { definitions, terms } = readSent(asked)
    await demandWithin(roots, definitions.valid(), (source, field) => definitions.at(source, field))
    return stringifyExact(await store[verb](definitions.valid(), { ...terms, ...asked.call }))
  }
  return {
    about: () => JSON.stringify({ project: store.project }),
    registry: async ({ query, call }) => stringifyExact(await store.registry(query.version, call)),
    versions: async ({ query, call }) => stringifyExact({ versions: await store.versions({ ...query, ...call }) }),
    diff: async ({ query, call }) => stringifyExact(await store.diff(query.from, query.to, call)),
    plan: (asked) => change('plan', asked),
    apply: (asked) => change('apply', asked),
    async rollback({ body: { version, ...terms }, call }) {
      return stringifyExact(await store.rollback(version, { ...terms, ...call }))
    },
    validate(asked) {
      const { errors } = readSent(asked).definitions
      return stringifyExact({ ok: errors.length === 0, errors: errors.map((error) => error.toProblem()) })
    },
  }
}

type Listed =
  | 'entities'
  | 'entity'
  | 'sources'
  | 'source'
  | 'views'
  | 'view'
  | 'onDemand'
  | 'onDemandOne'
  | 'services'
  | 'service'

/** What is defined, by kind. */
export function listHandlers({ store }: ServerContext): Pick<Handlers, Listed> {
  const list =
    (kind: ListKind) =>
    async ({ call }: Pick<Asked<Routes['views']>, 'call'>) =>
      stringifyExact({ [kind]: await store.list(kind, call) })
  const one =
    (kind: ListKind) =>
    async ({ params, call }: Pick<Asked<Routes['view']>, 'params' | 'call'>) =>
      stringifyExact(await store.show(kind, params.name, call))
  return {
    entities: list('entities'),
    entity: one('entities'),
    sources: list('sources'),
    source: one('sources'),
    views: list('views'),
    view: one('views'),
    onDemand: list('on-demand'),
    onDemandOne: one('on-demand'),
    services: list('services'),
    service: one('services'),
  }
}
