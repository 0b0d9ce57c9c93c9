import { historicalRoutes } from './historical-routes.ts'
import { listRoutes } from './list-routes.ts'
import { onlineRoutes } from './online-routes.ts'
import { operationRoutes } from './operation-routes.ts'
import { registryRoutes } from './registry-routes.ts'
import { runRoutes } from './run-routes.ts'
import { writeRoutes } from './write-routes.ts'

/** Every route of the HTTP API by its name: the one table that the server, the clients and the API's description stand on. */
export const routes = Object.freeze({
  ...onlineRoutes,
  ...historicalRoutes,
  ...writeRoutes,
  ...runRoutes,
  ...registryRoutes,
  ...listRoutes,
  ...operationRoutes,
})

/** The table by areas, for those who describe it. */
export const routeAreas = Object.freeze([
  { area: 'Online', about: 'The newest values', routes: onlineRoutes },
  { area: 'Historical', about: 'Tables of history', routes: historicalRoutes },
  { area: 'Writing', about: 'Rows in, and rows that were refused', routes: writeRoutes },
  { area: 'Materialize', about: 'Bring history online', routes: runRoutes },
  { area: 'Registry', about: 'Definitions, and what an apply of them does', routes: registryRoutes },
  { area: 'Catalog', about: 'What is defined, by kind', routes: listRoutes },
  { area: 'Operations', about: 'What probes and people ask a server about itself', routes: operationRoutes },
] as const)

/** The routes by name, each with its own types. */
export type Routes = typeof routes

export type RouteName = keyof Routes
