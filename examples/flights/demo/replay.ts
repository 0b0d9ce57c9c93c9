import type { TypedStore } from 'provender'
import type { Columns } from '../logistic-regression.ts'
import { servedHours } from './calendar.ts'
import type { ServedHour } from './calendar.ts'
import type { DemoClock } from './clock.ts'
import { asNumber } from './training-set.ts'
import type { TrainingSet } from './training-set.ts'

/** What the online store answered in the test month. */
export interface Served {
  readonly hours: number
  /** Row i of `features` was served for this row of the training set. */
  readonly rows: Uint32Array
  /** Columns as in the training set, but with the values that were served. */
  readonly features: Columns
  /** Rows written to the online store. */
  readonly written: number
  /** Values that are not, bit for bit, what the training set has for the same flight. */
  readonly differences: number
  /** The first of them, in words. */
  readonly firstDifference?: string
  /** Seconds spent on bringing the online store up to date, and on reading from it. */
  readonly materializeSeconds: number
  readonly readSeconds: number
}

/**
 * Lives through the test month: sets the clock to the end of an hour, materializes up to there, reads the vectors of the
 * flights that departed in that hour, and compares each value with the training set's.
 */
export async function replay(store: TypedStore, clock: DemoClock, training: TrainingSet): Promise<Served> {
  const rows: number[] = []
  const values = training.featureNames.map((): number[] => [])
  let written = 0
  let materializeMs = 0
  let readMs = 0
  const hours = servedHours()
  for (const hour of hours) {
    clock.stopAt(hour.clock)
    const startedAt = performance.now()
    const runs = await store.materialize()
    const materializedAt = performance.now()
    const departed = rowsOf(training, hour)
    const vectors = await readVectors(store, training, departed)
    readMs += performance.now() - materializedAt
    materializeMs += materializedAt - startedAt
    written += runs.reduce((sum, run) => sum + run.written, 0)
    rows.push(...departed)
    vectors.forEach((column, feature) => values[feature]!.push(...column))
  }
  const served = { rows: Uint32Array.from(rows), features: values.map((column) => Float64Array.from(column)) }
  return {
    ...served,
    ...compare(training, served),
    hours: hours.length,
    written,
    materializeSeconds: materializeMs / 1000,
    readSeconds: readMs / 1000,
  }
}

/** The rows of the flights that departed in this hour. */
function rowsOf({ flights }: TrainingSet, { start, clock }: ServedHour): number[] {
  const first = flights.departedAt.findIndex((instantMs) => instantMs >= start.getTime())
  const rows: number[] = []
  for (let row = first; row >= 0 && flights.departedAt[row]! <= clock.getTime(); row += 1) rows.push(row)
  return rows
}

/** One column per feature, one value per flight. A model asks for a flight's two ends and knows nothing else of the store. */
async function readVectors(store: TypedStore, training: TrainingSet, departed: readonly number[]): Promise<number[][]> {
  if (departed.length === 0) return []
  const { origin, destination } = training.flights
  const entities = departed.map((row) => ({ origin: origin[row], destination: destination[row] }))
  const vectors = await store.online('delay_model', entities)
  if (vectors.features.join() !== training.featureNames.join()) {
    throw new Error(`served ${vectors.features.join(', ')} where training had ${training.featureNames.join(', ')}`)
  }
  return training.featureNames.map((name) => vectors.map((vector) => asNumber(vector[name])))
}

function compare(
  training: TrainingSet,
  served: Pick<Served, 'rows' | 'features'>,
): Pick<Served, 'differences' | 'firstDifference'> {
  let differences = 0
  let firstDifference: string | undefined
  served.features.forEach((column, feature) => {
    served.rows.forEach((row, index) => {
      const trained = training.features[feature]![row]!
      if (Object.is(trained, column[index])) return
      differences += 1
      const { origin, destination, departedAt } = training.flights
      firstDifference ??=
        `${training.featureNames[feature]} of ${origin[row]} to ${destination[row]}, ` +
        `${new Date(departedAt[row]!).toISOString()}: trained on ${trained}, served ${column[index]}`
    })
  })
  return { differences, ...(firstDifference === undefined ? {} : { firstDifference }) }
}
