import type { Served } from './replay.ts'
import type { TrainingSet } from './training-set.ts'

/** How one run of the demo differs from another, value by value: one sentence each, none if it does not. */
export function differences(
  ours: { readonly training: TrainingSet; readonly served: Served },
  theirs: { readonly training: TrainingSet; readonly served: Served },
): string[] {
  const { training, served } = ours
  return [
    ...differing(
      'the training set',
      [training.flights.departedAt, ...training.known, ...training.features],
      [theirs.training.flights.departedAt, ...theirs.training.known, ...theirs.training.features],
    ),
    ...differing(
      'the served vectors',
      [served.rows, ...served.features],
      [theirs.served.rows, ...theirs.served.features],
    ),
  ]
}

type Column = ArrayLike<number>

function differing(what: string, ours: readonly Column[], theirs: readonly Column[]): string[] {
  if (ours.length !== theirs.length || ours[0]?.length !== theirs[0]?.length)
    return [`${what}: ${ours[0]?.length} rows × ${ours.length} columns, not ${theirs[0]?.length} × ${theirs.length}`]
  let count = 0
  for (const [c, column] of ours.entries())
    for (let row = 0; row < column.length; row += 1) if (!Object.is(column[row], theirs[c]?.[row])) count += 1
  return count === 0 ? [] : [`${what}: ${count} values differ`]
}
