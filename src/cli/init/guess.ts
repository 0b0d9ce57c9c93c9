import { parseInstant } from '../../values/instant.ts'
import { numberText } from '../number-text.ts'
import type { Profile, ProfiledColumn } from './profile.ts'

/** A column that may be what is looked for, and why; the greater the score, the likelier. */
export interface Candidate {
  readonly column: ProfiledColumn
  readonly score: number
  readonly why: string
}

const keyTypes: ReadonlySet<string | null> = new Set(['string', 'int32', 'int64', 'bool', 'bytes', 'timestamp'])

/** Whether a column can be a join key: any scalar but floats. */
export const canBeKey = (column: ProfiledColumn): boolean => keyTypes.has(column.type)

/** Whether a column can hold event times. */
export const canBeTimestamp = (column: ProfiledColumn): boolean => column.type === 'timestamp'

/** The columns that may name the thing that the rows describe, likeliest first: by name, by type, and by how often values come again. */
export function keyCandidates({ columns }: Profile): Candidate[] {
  const candidates = columns.filter(canBeKey).map((column, index): Candidate => {
    const { values, distinct, nulls } = factsOf(column)
    const name = nameScore(column.name)
    const spread = distinct <= 1 ? -3 : distinct < values * 0.9 ? 2 : 1
    const typed = column.type === 'int64' || column.type === 'int32' || column.type === 'string' ? 1 : -4
    const words = [
      `${numberText(distinct)} different ${distinct === 1 ? 'value' : 'values'} in ${numberText(values)} rows`,
      ...(name > 0 ? ['named like a key'] : []),
      ...(nulls > 0 ? [`${numberText(nulls)} are null`] : []),
    ]
    const score = name + spread + typed + (nulls > 0 ? -2 : 0) + (index === 0 ? 0.5 : 0)
    return { column, score, why: words.join(', ') }
  })
  return best(candidates.filter(({ column }) => column.type !== 'timestamp'))
}

function nameScore(name: string): number {
  const words = wordsOf(name)
  if (/(?:^|_)(?:id|uuid|guid)$/.test(words)) return words === 'id' ? 3 : 4
  return /(?:^|_)(?:key|code|number|no|nr|sku|name|email|account|user|customer|device|product|station)$/.test(words)
    ? 2
    : 0
}

/** The columns that may say when a row was true, likeliest first: by name, and by what times they hold. */
export function timestampCandidates({ columns }: Profile): Candidate[] {
  const nowUs = BigInt(Date.now()) * 1000n
  return best(
    columns.filter(canBeTimestamp).map((column, index): Candidate => {
      const words = wordsOf(column.name)
      const { nulls, times } = factsOf(column)
      const [first, last] = [times[0], times.at(-1)]
      const named = eventNames.test(words) ? 3 : storedNames.test(words) ? -3 : 0
      const future = times.filter((time) => time > nowUs).length * 10 > times.length
      const why = [
        first === undefined || last === undefined ? 'empty' : `${dayOf(first)} to ${dayOf(last)}`,
        ...(nulls > 0 ? [`${numberText(nulls)} are null`] : []),
        ...(future ? ['some in the future'] : []),
      ].join(', ')
      const score = named + (nulls > 0 ? -1 : 0) + (future ? -2 : 0) + (times.length === 0 ? -5 : 0) - index / 100
      return { column, score, why }
    }),
  )
}

/** The column that says when a row became known, if one is named so and is hardly ever before the event time. */
export function createdCandidate(profile: Profile, timestamp: ProfiledColumn): Candidate | undefined {
  const eventTimes = timestamp.sample.map(timeOf)
  return profile.columns
    .filter((column) => canBeTimestamp(column) && column !== timestamp && storedNames.test(wordsOf(column.name)))
    .map((column): Candidate => {
      const times = column.sample.map(timeOf)
      const known = times.filter((time) => time !== undefined).length
      const before = times.filter((time, i) => {
        const event = eventTimes[i]
        return time !== undefined && event !== undefined && time < event
      }).length
      const fits = known * 10 >= times.length * 9 && before * 20 <= known
      return {
        column,
        score: fits ? 1 : -1,
        why: before === 0 ? `never before ${timestamp.name}` : `hardly ever before ${timestamp.name}`,
      }
    })
    .find(({ score }) => score > 0)
}

const eventNames = /(?:^|_)(?:event|occurred|happened|timestamp|time|at|ts|date|day|datetime)(?:_|$)/
const storedNames =
  /(?:^|_)(?:created|loaded|ingested|inserted|updated|modified|recorded|stored|received|known|seen|arrived)(?:_|$)/

const wordsOf = (name: string): string =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')

const best = (candidates: readonly Candidate[]): Candidate[] => [...candidates].sort((a, b) => b.score - a.score)

function factsOf({ sample }: ProfiledColumn): { values: number; distinct: number; nulls: number; times: bigint[] } {
  const values = sample.filter((value) => value !== null)
  const times = values.flatMap((value) => timeOf(value) ?? [])
  return {
    values: values.length,
    distinct: new Set(values).size,
    nulls: sample.length - values.length,
    times: times.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)),
  }
}

const timeOf = (text: string | null): bigint | undefined => (text === null ? undefined : parseInstant(text))

const dayOf = (instant: bigint): string => new Date(Number(instant / 1000n)).toISOString().slice(0, 10)
