import { formatInstant } from '../values/instant.ts'
import type { Interval } from '../values/intervals.ts'
import type { Outcome } from './generations-after.ts'

/** What a view's next materialization has to read. */
export interface Backfill {
  /** Estimated rows of the source; null where that is not known. */
  readonly rows: number | null
  /** What is materialized now, and has to be again. */
  readonly covered: readonly Interval[]
}

/** What an outcome means for a view's stored values, as a sentence without its full stop. `because` names what changed its meaning. */
export function outcomeText(
  outcome: Outcome,
  told: {
    readonly backfill: Backfill | undefined
    readonly because: readonly string[]
    readonly added: readonly string[]
  },
): string {
  const { because, added } = told
  const size = backfillText(told.backfill)
  switch (outcome) {
    case 'born':
      return `it serves from now on, empty until the next materialization${size}`
    case 'generation':
      return `stored values would mean something else${because.length === 0 ? '' : ` (${because.join(', ')})`}, so the next materialization builds a new generation${size} while the present one serves`
    case 'revived':
      return 'what it means now is still stored: that generation serves again once the next materialization has brought it up to date'
    case 'resumed':
      return 'what it means now is what serves: the generation that was being built is given up'
    case 'revision':
      return added.length === 0
        ? `stored rows go on serving, and the next materialization reads all rows again${size}`
        : `stored rows go on serving with ${listed(added)} null, until the next materialization reads all rows again${size}`
    case 'removed':
      return 'it serves no longer: its rows are freed after 10 minutes, rows that were pushed to it are kept for 30 days'
    case 'withdrawn':
      return 'it is no longer served online, and its rows there are freed after 10 minutes; its history stays'
    case 'none':
      return 'nothing stored changes'
  }
}

/** How much a materialization reads, in brackets; nothing where nothing is known. */
export function backfillText(backfill: Backfill | undefined): string {
  if (backfill === undefined) return ''
  const { rows, covered } = backfill
  const parts = [
    ...(rows === null ? [] : [`about ${rows.toLocaleString('en-US')} ${rows === 1 ? 'row' : 'rows'}`]),
    ...spanText(covered),
  ]
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`
}

function spanText(covered: readonly Interval[]): string[] {
  const [first] = covered
  const last = covered.at(-1)
  if (first === undefined || last === undefined) return []
  const end = formatInstant(last.end)
  return [first.start === null ? `up to ${end}` : `${formatInstant(first.start)} to ${end}`]
}

/** Who reads what changes, as a sentence to put after another. */
export function readersText(services: readonly string[], breaking: boolean): string {
  if (services.length === 0) return ''
  const which = `${services.length === 1 ? 'service' : 'services'} ${listed(services)}`
  return breaking ? ` This breaks the ${which}.` : ` Read by the ${which}.`
}

/** `a`, `a and b`, `a, b and c`. */
export const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`

/** A sentence: a capital first, a full stop last. */
export const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
