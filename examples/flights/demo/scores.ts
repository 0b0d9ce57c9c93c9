import { auc } from '../auc.ts'
import { predict, train } from '../logistic-regression.ts'
import type { Columns, Model } from '../logistic-regression.ts'
import { naiveJoin } from '../naive-join.ts'
import type { Served } from './replay.ts'
import type { TrainingSet } from './training-set.ts'

/** How one way of joining the features does, in areas under the ROC curve. */
export interface Score {
  readonly join: 'no history' | 'naive join' | 'point-in-time join'
  /** On the flights that were served, with the features as the join has them: what a test on the training set says. */
  readonly claims: number
  /** The same model on the same flights, with the values that came out of the online store. */
  readonly serves: number
  /** What it claims on all flights of the test month. */
  readonly claimsAll: number
}

/** A join and the model that was trained on it. */
export interface Candidate {
  readonly join: Score['join']
  readonly model: Model
  /** What the model reads, for every row of the training set. */
  readonly columns: Columns
  /** Whether it reads features beside what is known of the flight itself. */
  readonly usesFeatures: boolean
}

/** Trains one model per join on the flights before the test month. */
export function trainCandidates(training: TrainingSet): Candidate[] {
  const naive = new Map(Object.entries(naiveJoin(training.flights)))
  const naiveFeatures = training.featureNames.map((name) => {
    const column = naive.get(name)
    if (column === undefined) throw new Error(`the naive join has no feature ${name}`)
    return column
  })
  const labels = training.flights.late.subarray(0, training.firstTestRow)
  const candidate = (join: Score['join'], features: Columns): Candidate => {
    const columns = [...training.known, ...features]
    const model = train(
      columns.map((column) => column.subarray(0, training.firstTestRow)),
      labels,
    )
    return { join, model, columns, usesFeatures: features.length > 0 }
  }
  return [
    candidate('no history', []),
    candidate('naive join', naiveFeatures),
    candidate('point-in-time join', training.features),
  ]
}

/** Scores a model three times; see {@link Score}. */
export function score(candidate: Candidate, training: TrainingSet, served: Served): Score {
  const { model, columns } = candidate
  const pick = (column: Float64Array): Float64Array => Float64Array.from(served.rows, (row) => column[row]!)
  const labels = Uint8Array.from(served.rows, (row) => training.flights.late[row]!)
  const servedColumns = [...training.known.map(pick), ...(candidate.usesFeatures ? served.features : [])]
  return {
    join: candidate.join,
    claims: auc(predict(model, columns.map(pick)), labels),
    serves: auc(predict(model, servedColumns), labels),
    claimsAll: auc(
      predict(
        model,
        columns.map((column) => column.subarray(training.firstTestRow)),
      ),
      training.flights.late.subarray(training.firstTestRow),
    ),
  }
}
