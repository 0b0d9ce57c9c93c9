import type { Change, OnlineRows } from 'provender'
import type { Served } from './replay.ts'
import type { Score } from './scores.ts'
import type { TrainingSet } from './training-set.ts'

const LABEL_WIDTH = 34

/** The plan, a line per change; what follows from a change stands beneath it. */
export function planText(changes: readonly Change[]): string {
  const signs = { add: '+', change: '~', remove: '-' }
  const width = Math.max(...changes.map((change) => change.kind.length + change.name.length + 1))
  return changes
    .map(
      ({ action, kind, name, consequence }) => `  ${signs[action]} ${`${kind} ${name}`.padEnd(width)}  ${consequence}`,
    )
    .join('\n')
}

/** One line for a step that is over: what it was, how much, how long. */
export function stepText(label: string, amount: string, seconds: number): string {
  return `  ${label.padEnd(LABEL_WIDTH)}${amount.padEnd(LABEL_WIDTH)}${seconds.toFixed(2).padStart(6)} s`
}

export function count(value: number, noun: string): string {
  return `${value.toLocaleString('en-US')} ${noun}`
}

/** The table that the demo is about, and what its figures are figures of. */
export function aucText(scores: readonly Score[], training: TrainingSet, served: Served): string {
  const line = (label: string, claims: string, serves: string): string =>
    `  ${label.padEnd(LABEL_WIDTH)}${claims.padStart(8)}${serves.padStart(10)}`
  const values = served.rows.length * training.featureNames.length
  const everyFlight = scores.map((each) => `${each.join} ${each.claimsAll.toFixed(3)}`).join(', ')
  return [
    line('AUC, late or not', 'claims', 'serves'),
    ...scores.map((each) => line(each.join, each.claims.toFixed(3), each.serves.toFixed(3))),
    '',
    `  Both columns: the ${count(served.rows.length, 'flights')} that departed in ${served.hours} hours of June.`,
    '  "claims" is what a test on the training set says, "serves" the same model on what the online store answered.',
    `  Claims on all ${count(training.rows - training.firstTestRow, 'flights')} of June: ${everyFlight}.`,
    `  Served and trained: ${count(served.differences, 'differences')} in ${count(values, 'values')}.`,
    '  2001 flights with estimated landings; DATA-LICENCE.md says what these figures do not show.',
  ].join('\n')
}

/** One answer of the online store, a feature a line, with the instant that it is from. */
export function vectorText(route: { origin: string; destination: string }, answer: OnlineRows): string {
  const [vector] = answer
  const width = Math.max(...answer.features.map((name) => name.length))
  return [
    `  ${route.origin} to ${route.destination}`,
    ...answer.features.map((name, index) => {
      const value = vector?.[name]
      const text = typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(4) : String(value)
      return `    ${name.padEnd(width)}  ${text.padStart(8)}  ${answer.statuses[0]?.[index]}`
    }),
  ].join('\n')
}
