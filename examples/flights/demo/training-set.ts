import type { TypedStore } from 'provender'
import type { Columns } from '../logistic-regression.ts'
import type { Flights } from '../naive-join.ts'
import { testEnd, testStart, trainingStart } from './calendar.ts'

/** A flight's label and what is known of it without any history. Anyone could write this query over the source. */
const spineSql = `
  select departed_at, origin, destination, delay > 15 as late,
    distance, cast(extract(hour from departed_at) as integer) as departure_hour,
    cast(extract(isodow from departed_at) as integer) as weekday
  from flights
  where departed_at >= '${sqlInstant(trainingStart)}' and departed_at < '${sqlInstant(testEnd)}'
  order by departed_at, origin, destination, delay`
const spineColumns = ['departed_at', 'origin', 'destination', 'late', 'distance', 'departure_hour', 'weekday']

/** The answer of the point-in-time join as columns; row i of each is one flight, ordered by departure. */
export interface TrainingSet {
  readonly rows: number
  readonly columnCount: number
  readonly flights: Flights
  /** Distance, hour, weekday. */
  readonly known: Columns
  /** Names of the joined features, in the order of the service. */
  readonly featureNames: readonly string[]
  /** Their values at each flight's departure, `NaN` for null. */
  readonly features: Columns
  /** Rows below are for training, this one and all after it for the test. */
  readonly firstTestRow: number
}

/** Joins every flight, at the instant of its departure, with the features that the model reads. */
export async function readTrainingSet(store: TypedStore): Promise<TrainingSet> {
  await using table = await store.historical('delay_model', { sql: spineSql }, { timestamp: 'departed_at' })
  const featureNames = table.fields.map((field) => field.name).filter((name) => !spineColumns.includes(name))
  const columns = new Map(Object.entries(await table.columns()))
  const read = (name: string): readonly unknown[] => {
    const column = columns.get(name)
    if (column === undefined) throw new Error(`the training set has no column ${name}`)
    return column
  }
  const numbers = (name: string): Float64Array => Float64Array.from(read(name), asNumber)
  const departedAt = numbers('departed_at')
  const firstTestRow = departedAt.findIndex((instantMs) => instantMs >= testStart.getTime())
  return {
    rows: departedAt.length,
    columnCount: columns.size,
    flights: {
      departedAt,
      origin: read('origin').map(String),
      destination: read('destination').map(String),
      late: Uint8Array.from(read('late'), Number),
    },
    known: [numbers('distance'), numbers('departure_hour'), numbers('weekday')],
    featureNames,
    features: featureNames.map(numbers),
    firstTestRow,
  }
}

/** A feature value, or a label, for the model: null is `NaN`, an instant its milliseconds. */
export function asNumber(value: unknown): number {
  return value === null ? Number.NaN : Number(value)
}

function sqlInstant(instant: Date): string {
  return instant.toISOString().replace('T', ' ').replace('Z', '')
}
