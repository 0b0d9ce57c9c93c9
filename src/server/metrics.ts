import { type RouteName, routes } from '../contract/routes.ts'
import type { StoreObserver } from '../contract/store.ts'
import { Counter, type Family, Histogram, Series, type SeriesBudget, familyOf } from './metric-family.ts'

/** What no route took. */
export type MeteredRoute = RouteName | 'unrouted'

/** Counts of the values of one view that were served, by status. Add to them: they are read at the next scrape. */
export interface ViewMeter {
  readonly present: Counter
  readonly nullValue: Counter
  readonly notFound: Counter
  readonly expired: Counter
  /** Seconds between the event time of a row that was served and now. One row of a request is enough. */
  readonly age: Histogram
}

/** Counts what a server does. Each call costs tens of nanoseconds; nothing is ever labelled by entity or request. */
export interface Metrics {
  /** A request was answered: by which route, with which status, so many seconds after its head had arrived. */
  readonly observe: (route: MeteredRoute, code: number, seconds: number) => void
  /** An online read was answered. */
  readonly asked: (entities: number, features: number) => void
  /** The counts of a view of the registry; the same object each time, to be kept by who counts often. */
  readonly view: (name: string) => ViewMeter
  /** Rows were pushed to a view or a source of the registry. */
  readonly pushed: StoreObserver['pushed']
  /** A materialization ended. */
  readonly ran: StoreObserver['ran']
  /** An operation of the online store took so long. */
  readonly stored: StoreObserver['stored']
  /** There is such a view, perhaps over a source that is pushed to: what was never counted of them is 0. */
  readonly know: (view: string, pushSource: string | null) => void
  /** All that was counted, with what other rooms of the server have to tell. */
  readonly families: () => readonly Family[]
}

/** Series of views and sources together, over all their families; a histogram counts as one. */
export const maxSeries = 10_000

/** Answers from memory take a tenth of a millisecond, those from history up to half a minute. */
const requestSeconds = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30,
]
const sizes = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000]
const runSeconds = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400]
/** One minute to a week. */
const ageSeconds = [60, 300, 900, 3600, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800]

/** Begins to count, all that is known at 0. Series of what users name are taken from the budget. */
export function openMetrics(project: string, budget: SeriesBudget): Metrics {
  const requests = requestMeters()
  const online = onlineMeters(project, budget)
  const pushes = pushMeters(budget)
  const runs = runMeters(budget)
  return {
    observe: requests.observe,
    asked: online.asked,
    view: online.view,
    stored: online.stored,
    pushed: pushes.pushed,
    ran: runs.ran,
    know(view, pushSource) {
      online.view(view)
      runs.know(view)
      if (pushSource !== null) for (const target of [view, pushSource]) pushes.know(target)
    },
    families: () => [...requests.families(), ...online.families(), ...pushes.families(), ...runs.families()],
  }
}

/** Finds the meter of an answered request by two looks into objects. Good answers are there from the beginning, at 0. */
function requestMeters() {
  const requests = new Series(
    {
      name: 'provender_http_request_duration_seconds',
      help: 'Seconds from the arrival of a request to the end of its answer',
      type: 'histogram',
    },
    () => new Histogram(requestSeconds),
  )
  const byRoute: Partial<Record<MeteredRoute, Record<number, Histogram>>> = {}
  const meterOf = (route: MeteredRoute, code: number): Histogram => {
    const { path, method } = route === 'unrouted' ? { path: 'unrouted', method: 'other' } : routes[route]
    const meter = requests.of({ route: path, method, code })
    ;(byRoute[route] ??= {})[code] = meter
    return meter
  }
  for (const [name, { statuses }] of Object.entries(routes))
    for (const code of statuses) meterOf(name as RouteName, code)
  meterOf('unrouted', 404)
  return {
    observe: (route: MeteredRoute, code: number, seconds: number): void =>
      (byRoute[route]?.[code] ?? meterOf(route, code)).add(seconds),
    families: (): Family[] => [countsOf(requests.family), requests.family],
  }
}

/** How many requests there were is what the histogram of their durations counts. */
const countsOf = ({ name, values }: Family): Family =>
  familyOf(
    { name: 'provender_http_requests_total', help: 'Requests that were answered', type: 'counter' },
    values.filter(({ metricName }) => metricName === `${name}_count`).map(({ labels, value }) => ({ labels, value })),
  )

/** What online reads asked for and got, and what the store needed for it. */
function onlineMeters(project: string, budget: SeriesBudget) {
  const entities = new Series(
    {
      name: 'provender_online_entities_per_request',
      help: 'Entities that an online read asked for',
      type: 'histogram',
    },
    () => new Histogram(sizes),
  )
  const features = new Series(
    {
      name: 'provender_online_features_per_request',
      help: 'Features that an online read asked for',
      type: 'histogram',
    },
    () => new Histogram(sizes),
  )
  const store = storeMeters(budget)
  const values = new Series(
    {
      name: 'provender_online_feature_values_total',
      help: 'Values that were served, by what they were',
      type: 'counter',
    },
    () => new Counter(),
    budget,
  )
  const ages = new Series(
    {
      name: 'provender_online_feature_value_age_seconds',
      help: 'Age of a row that was served, by its event time; one row of each request',
      type: 'histogram',
    },
    () => new Histogram(ageSeconds),
    budget,
  )
  const [entitiesAsked, featuresAsked] = [entities.of({}), features.of({})]
  const views = new Map<string, ViewMeter>()
  const newView = (name: string): ViewMeter => {
    const of = (status: string): Counter => values.of({ project, feature_view: name, status })
    const meter = Object.freeze({
      present: of('present'),
      nullValue: of('null'),
      notFound: of('not_found'),
      expired: of('expired'),
      age: ages.of({ feature_view: name }),
    })
    views.set(name, meter)
    return meter
  }
  return {
    asked: (entityCount: number, featureCount: number): void => {
      entitiesAsked.add(entityCount)
      featuresAsked.add(featureCount)
    },
    view: (name: string): ViewMeter => views.get(name) ?? newView(name),
    stored: store.stored,
    families: (): Family[] => [entities, features, store.durations, values, ages].map(({ family }) => family),
  }
}

/** How long the online store took: told once a request, so that finding the meter has to be cheap. */
function storeMeters(budget: SeriesBudget) {
  const durations = new Series(
    {
      name: 'provender_online_store_duration_seconds',
      help: 'Seconds that an operation of the online store took',
      type: 'histogram',
    },
    () => new Histogram(requestSeconds),
    budget,
  )
  const meters = new Map<string, Map<string, Histogram>>()
  return {
    durations,
    stored: (store: string, op: string, seconds: number): void => {
      let ops = meters.get(store)
      if (ops === undefined) meters.set(store, (ops = new Map<string, Histogram>()))
      let meter = ops.get(op)
      if (meter === undefined) ops.set(op, (meter = durations.of({ store, op })))
      meter.add(seconds)
    },
  }
}

/** What became of pushed rows. */
function pushMeters(budget: SeriesBudget) {
  const rows = new Series(
    {
      name: 'provender_ingest_rows_total',
      help: 'Rows that were pushed, by what became of them; superseded rows are history and not served',
      type: 'counter',
    },
    () => new Counter(),
    budget,
  )
  const pushed: StoreObserver['pushed'] = (source, { accepted, superseded, rejected }) => {
    rows.of({ source, result: 'accepted' }).add(accepted)
    rows.of({ source, result: 'superseded' }).add(superseded)
    rows.of({ source, result: 'rejected' }).add(rejected)
  }
  return {
    pushed,
    know: (target: string): void => pushed(target, { accepted: 0, superseded: 0, rejected: 0 }),
    families: (): Family[] => [rows.family],
  }
}

/** What materializations came to. */
function runMeters(budget: SeriesBudget) {
  const runs = new Series(
    {
      name: 'provender_materialization_runs_total',
      help: 'Materializations that this server ran, by how they ended',
      type: 'counter',
    },
    () => new Counter(),
    budget,
  )
  const durations = new Series(
    {
      name: 'provender_materialization_duration_seconds',
      help: 'Seconds that a materialization took',
      type: 'histogram',
    },
    () => new Histogram(runSeconds),
    budget,
  )
  const rows = new Series(
    { name: 'provender_materialization_rows_total', help: 'Rows that materializations read', type: 'counter' },
    () => new Counter(),
    budget,
  )
  const ran: StoreObserver['ran'] = ({ view, state, seconds, rows: count }) => {
    const labels = { feature_view: view, status: state }
    runs.of(labels).add()
    durations.of(labels).add(seconds)
    rows.of({ feature_view: view }).add(count)
  }
  return {
    ran,
    know(view: string): void {
      for (const status of ['succeeded', 'failed', 'cancelled']) runs.of({ feature_view: view, status })
      rows.of({ feature_view: view })
    },
    families: (): Family[] => [runs.family, durations.family, rows.family],
  }
}
