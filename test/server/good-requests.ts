import type { Route } from '../../src/contract/route.ts'
import { type RouteName, routes } from '../../src/contract/routes.ts'
import type { Run } from '../../src/contract/store.ts'
import type { Bench } from './bench.ts'

/** A request that is answered well. */
export interface Good {
  readonly path: string
  readonly body?: Readonly<Record<string, unknown>>
}

export const routeNames = Object.freeze(Object.keys(routes) as RouteName[])

export const tableOf = (name: RouteName): Route => routes[name]

const at = '2026-03-09T23:30:00Z'
/** Definitions that have something of every kind. Nothing of theirs is looked for in files. */
const wire = {
  entities: { e: { key: 'string' }, pair: { keys: { a: 'int64', b: 'bytes' } } },
  sources: {
    taken: { type: 'push', timestamp: 'at', schema: { e: 'string', n: 'int64', v: 'vector<3>', tags: 'list<string>' } },
    counted: { type: 'sql', sql: 'SELECT e, n, at FROM taken', timestamp: 'at' },
  },
  views: {
    v: {
      description: 'x',
      owner: 'o',
      tags: { tier: 'gold' },
      entities: ['e'],
      source: 'taken',
      ttl: '2d',
      freshness: '1h',
      features: { n: 'int64', vector: { type: 'vector<3>', column: 'v', description: 'y' } },
    },
  },
  services: { s: { features: ['v', 'v@other:n'] } },
}

/** One for every route. What changes the registry is always too late, so that no mutation of it does. */
const good: Readonly<Record<RouteName, Good>> = {
  onlineOne: { path: '/v1/online/airport_delays?airport=ORD' },
  online: {
    path: '/v1/online',
    body: {
      features: ['airport_delays'],
      entities: [{ airport: 'ORD' }],
      request: {},
      fullNames: true,
      includeExpired: true,
      include: ['eventTimes', 'types'],
    },
  },
  historical: {
    path: '/v1/historical',
    body: {
      features: ['airport_delays', 'route_stats@leg(origin=airport,destination=to):distance'],
      spine: {
        rows: [
          { airport: 'ORD', to: 'BOS', event_timestamp: at, label: 1, note: 'x' },
          { airport: null, to: 'BOS', event_timestamp: '2026-03-09', label: 2.5, note: null },
        ],
      },
      timestamp: 'event_timestamp',
      fullNames: false,
      knownBy: 'spine',
      asOf: at,
      registryVersion: 1,
    },
  },
  historicalEvents: {
    path: '/v1/historical/events',
    body: { features: 'airport_delays', start: '2026-03-09', end: at, asOf: at, fullNames: true },
  },
  historicalSnapshot: {
    path: '/v1/historical/snapshot',
    body: { features: 'airport_delays', at, asOf: at, fullNames: false, includeExpired: true },
  },
  push: {
    path: '/v1/push/taps',
    body: {
      rows: [
        {
          driver_id: 1,
          tapped_at: at,
          big: 5,
          raw: 'AP8=',
          score: 'NaN',
          small: 1.5,
          tags: [1, 2],
          seen: at,
          label: 'x',
        },
        { driver_id: 2, tapped_at: at, big: null, tags: [] },
      ],
      to: 'both',
    },
  },
  delete: { path: '/v1/online/taps_seen?driver_id=99' },
  deadLetters: { path: '/v1/dead-letters?source=taps&limit=1' },
  replayDeadLetters: { path: '/v1/dead-letters/replay', body: { ids: ['x'], source: 'taps' } },
  load: { path: '/v1/load', body: { sources: ['flights'] } },
  materialize: {
    path: '/v1/materialize?wait=false',
    body: { views: ['taps_seen'], since: '1d', end: at, repair: false },
  },
  maintain: { path: '/v1/maintain', body: {} },
  runs: { path: '/v1/runs?view=airport_delays&state=succeeded&limit=1' },
  run: { path: '/v1/runs/{run}' },
  cancelRun: { path: '/v1/runs/{run}/cancel', body: {} },
  about: { path: '/v1' },
  registry: { path: '/v1/registry?version=1' },
  versions: { path: '/v1/registry/versions?limit=1' },
  diff: { path: '/v1/registry/diff?from=0&to=1' },
  plan: { path: '/v1/plan', body: { definitions: wire, parentVersion: 1, allowBreaking: true, message: 'x' } },
  apply: { path: '/v1/apply', body: { definitions: wire, parentVersion: 9, message: 'x' } },
  rollback: {
    path: '/v1/registry/rollback',
    body: { version: 1, allowBreaking: false, message: 'x', parentVersion: 1 },
  },
  validate: { path: '/v1/validate', body: { definitions: wire } },
  entities: { path: '/v1/entities' },
  entity: { path: '/v1/entities/airport' },
  sources: { path: '/v1/sources' },
  source: { path: '/v1/sources/flights' },
  views: { path: '/v1/views' },
  view: { path: '/v1/views/airport_delays' },
  onDemand: { path: '/v1/on-demand' },
  onDemandOne: { path: '/v1/on-demand/risk' },
  services: { path: '/v1/services' },
  service: { path: '/v1/services/delay_model' },
  errorCode: { path: '/v1/errors/UNKNOWN_ENTITY' },
  doctor: { path: '/v1/doctor' },
  openApi: { path: '/openapi.json' },
  docs: { path: '/docs' },
  docsFile: { path: '/{file}' },
  livez: { path: '/livez' },
  readyz: { path: '/readyz' },
  metrics: { path: '/metrics' },
}

/** Good requests that are refused all the same: there is no such thing, or somebody else applied first. */
export const refusedThough: Partial<Record<RouteName, number>> = { onDemandOne: 404, apply: 409 }

/** The good requests of a bench, with the names that only it knows. */
export async function goodRequestsOf(bench: Bench): Promise<Readonly<Record<RouteName, Good>>> {
  const { runs } = (await bench.ask('GET', '/v1/runs?limit=1')).json as { readonly runs: readonly Run[] }
  const page = (await bench.ask('GET', '/docs')).text
  const fill = (path: string): string =>
    path.replace('{run}', runs[0]?.id ?? '').replace('{file}', /src="([^"]*)"/.exec(page)?.[1] ?? '')
  return Object.fromEntries(
    routeNames.map((name) => [name, { ...good[name], path: fill(good[name].path) }]),
  ) as unknown as Readonly<Record<RouteName, Good>>
}
