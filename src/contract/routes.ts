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

/** The routes by name, each with its own types. */
export type Routes = typeof routes

export type RouteName = keyof Routes
