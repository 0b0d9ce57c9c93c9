import { factorize, solve } from './cholesky.ts'

/** One column per feature, all of one length; `NaN` is a missing value. */
export type Columns = readonly Float64Array[]

/** What training learned; plain data, so it can be printed or stored as JSON. */
export interface Model {
  /** Per column: mean and standard deviation of the training values that were there. */
  readonly scale: readonly { readonly mean: number; readonly deviation: number }[]
  /** The columns that had missing values in training, each with a weight of its own for being missing. */
  readonly flagged: readonly number[]
  /** Intercept, then one weight per column, then one per flagged column. */
  readonly weights: readonly number[]
}

const MAX_ITERATIONS = 50
const MAX_HALVINGS = 20
/** A step this small moves no score in any digit that is shown; below it, rounding decides. */
const TOLERANCE = 1e-7

/**
 * Fits a logistic regression with an L2 penalty by Newton's method.
 *
 * Columns are standardised with the mean and deviation of the training values; a missing value becomes the mean, and a
 * column with missing values gets a 0/1 column beside it that says so. Nothing is random and sums run in row order: the
 * same input gives the same model to the last bit. The penalty is `l2 / 2 · Σ weight²`, the intercept left out.
 */
export function train(columns: Columns, labels: Uint8Array, l2 = 1): Model {
  if (!labels.includes(0) || !labels.includes(1)) throw new RangeError('training needs labels of both kinds, 0 and 1')
  const scale = columns.map(scaleOf)
  const flagged = columns.flatMap((column, index) => (column.some(Number.isNaN) ? [index] : []))
  const width = 1 + columns.length + flagged.length
  const design = designMatrix(columns, { scale, flagged })
  let weights: Float64Array = new Float64Array(width)
  let current = evaluate(design, labels, weights, l2)
  for (let iteration = 0; iteration < MAX_ITERATIONS; iteration += 1) {
    const step = solve(factorize(current.hessian, width), current.gradient)
    if (step.every((value) => Math.abs(value) < TOLERANCE)) break
    const next = descend({ design, labels, l2 }, weights, step, current.loss)
    if (next === undefined) break
    weights = next.weights
    current = next.evaluation
  }
  return { scale, flagged, weights: Array.from(weights) }
}

/** The probability of label 1 for every row of `columns`, which must be the columns of the training, in that order. */
export function predict(model: Model, columns: Columns): Float64Array {
  if (columns.length !== model.scale.length) {
    throw new RangeError(`the model was trained on ${model.scale.length} columns, not ${columns.length}`)
  }
  const width = model.weights.length
  const design = designMatrix(columns, model)
  const weights = Float64Array.from(model.weights)
  return Float64Array.from({ length: design.length / width }, (_, row) => sigmoid(dot(design, row * width, weights)))
}

interface Evaluation {
  readonly loss: number
  /** Downhill: minus the derivative of the loss. */
  readonly gradient: Float64Array
  /** Row-major, the lower triangle filled. */
  readonly hessian: Float64Array
}

function scaleOf(column: Float64Array): { mean: number; deviation: number } {
  const present = column.filter((value) => !Number.isNaN(value))
  if (present.length === 0) return { mean: 0, deviation: 1 }
  const mean = present.reduce((sum, value) => sum + value, 0) / present.length
  const variance = present.reduce((sum, value) => sum + (value - mean) ** 2, 0) / present.length
  return { mean, deviation: Math.sqrt(variance) || 1 }
}

/** Row-major: 1, the standardised columns, the missing flags. One block of memory, read in order by the inner loops. */
function designMatrix(columns: Columns, { scale, flagged }: Pick<Model, 'scale' | 'flagged'>): Float64Array {
  const width = 1 + columns.length + flagged.length
  const rows = columns[0]?.length ?? 0
  const design = new Float64Array(rows * width)
  for (let row = 0; row < rows; row += 1) design[row * width] = 1
  columns.forEach((column, index) => {
    if (column.length !== rows) throw new RangeError(`column ${index} has ${column.length} rows, not ${rows}`)
    const { mean, deviation } = scale[index]!
    for (let row = 0; row < rows; row += 1) {
      const value = column[row]!
      design[row * width + 1 + index] = Number.isNaN(value) ? 0 : (value - mean) / deviation
    }
  })
  flagged.forEach((index, position) => {
    const offset = 1 + columns.length + position
    for (let row = 0; row < rows; row += 1) design[row * width + offset] = Number.isNaN(columns[index]![row]) ? 1 : 0
  })
  return design
}

function evaluate(design: Float64Array, labels: Uint8Array, weights: Float64Array, l2: number): Evaluation {
  const width = weights.length
  const gradient = new Float64Array(width)
  const hessian = new Float64Array(width * width)
  let loss = 0
  for (let row = 0; row < labels.length; row += 1) {
    const start = row * width
    const score = dot(design, start, weights)
    const probability = sigmoid(score)
    const error = labels[row]! - probability
    const certainty = probability * (1 - probability)
    loss += softplus(score) - labels[row]! * score
    for (let i = 0; i < width; i += 1) {
      const value = design[start + i]!
      gradient[i]! += error * value
      const weighted = certainty * value
      for (let j = 0; j <= i; j += 1) hessian[i * width + j]! += weighted * design[start + j]!
    }
  }
  for (let i = 1; i < width; i += 1) {
    loss += (l2 / 2) * weights[i]! ** 2
    gradient[i]! -= l2 * weights[i]!
    hessian[i * width + i]! += l2
  }
  return { loss, gradient, hessian }
}

/** Takes the step, halved until the loss does not rise; `undefined` where no part of it helps: that is the bottom. */
function descend(
  { design, labels, l2 }: { design: Float64Array; labels: Uint8Array; l2: number },
  from: Float64Array,
  step: Float64Array,
  loss: number,
): { weights: Float64Array; evaluation: Evaluation } | undefined {
  for (let halving = 0, size = 1; halving < MAX_HALVINGS; halving += 1, size /= 2) {
    const weights = from.map((value, index) => value + size * step[index]!)
    const evaluation = evaluate(design, labels, weights, l2)
    if (evaluation.loss <= loss) return { weights, evaluation }
  }
  return undefined
}

function dot(design: Float64Array, start: number, weights: Float64Array): number {
  let sum = 0
  for (let i = 0; i < weights.length; i += 1) sum += design[start + i]! * weights[i]!
  return sum
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x))
}

/** log(1 + eˣ), without overflow for a large x. */
function softplus(x: number): number {
  return x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x))
}
