import type { OnlineRows } from '../contract/store.ts'
import { cellOf } from '../codecs/csv.ts'
import { parseKeyText } from '../codecs/from-js.ts'
import { fail } from '../kernel/errors.ts'
import type { KeyType } from '../values/entity-key.ts'
import { formatInstant } from '../values/instant.ts'
import type { Value } from '../values/value.ts'
import { ageOf } from './age.ts'
import { jsonForm, typeOf } from './json-form.ts'
import { aligned, tableText } from './table.ts'
import type { Stream } from './terminal.ts'

/** What an answer shows beside values and statuses. */
export interface Includes {
  readonly eventTimes: boolean
}

/** Reads --include. @throws USAGE. */
export function includesOf(text: string | undefined): Includes {
  const words = text?.split(',') ?? []
  const unknown = words.find((word) => word !== 'eventTimes')
  if (unknown !== undefined) throw fail('USAGE', `--include knows eventTimes, not "${unknown}"`)
  return { eventTimes: words.includes('eventTimes') }
}

/** The answer for one entity, as `GET /v1/online/…` gives it. `keys` are its join keys as text, which the store has read. */
export function entityDocument(rows: OnlineRows, keys: ReadonlyMap<string, string>, includes: Includes): object {
  const named = <T>(names: readonly string[], values: readonly T[]): object =>
    Object.fromEntries(names.map((name, i) => [name, values[i]]))
  return {
    entity: Object.fromEntries(rows.keyFields.map((field) => [field.name, keyForm(field, keys.get(field.name) ?? '')])),
    features: named(rows.features, valuesOf(rows, 0)),
    statuses: named(rows.features, rows.statuses[0] ?? []),
    ...(includes.eventTimes ? { eventTimes: named(rows.views, timesOf(rows, 0)) } : {}),
  }
}

/** The answers for many entities, as `POST /v1/online` gives them; several answers are put together. */
export function batchDocument(answers: readonly OnlineRows[], includes: Includes): object {
  const [first] = answers
  const rows = answers.flatMap((answer) =>
    answer.exact.map((_, i) => {
      const statuses = answer.statuses[i] ?? []
      return {
        values: valuesOf(answer, i),
        ...(statuses.every((status) => status === 'PRESENT') ? {} : { statuses }),
        ...(includes.eventTimes ? { eventTimes: timesOf(answer, i) } : {}),
      }
    }),
  )
  return {
    features: first?.features ?? [],
    views: first?.views ?? [],
    rows,
    registryVersion: first?.registryVersion ?? 0,
  }
}

const keyForm = ({ name, type }: OnlineRows['keyFields'][number], text: string): unknown =>
  jsonForm(typeOf(type), parseKeyText(type as KeyType, text, `${name}=${text}`))

const valuesOf = (rows: OnlineRows, i: number): unknown[] =>
  rows.features.map((_, f) => jsonForm(typeOf(rows.types[f]), (rows.exact[i]?.[f] ?? null) as Value | null))

const timesOf = (rows: OnlineRows, i: number): (string | null)[] =>
  (rows.eventTimes[i] ?? []).map((time) => (time === null ? null : formatInstant(time)))

/** The answer for one entity for people: on a terminal with the age of each view's row, elsewhere as CSV. */
export async function entityText(
  rows: OnlineRows,
  { heading, stream }: { readonly heading: string; readonly stream: Stream },
): Promise<string> {
  const lines = rows.features.map((name, f) => [
    name,
    cellOf(typeOf(rows.types[f]), (rows.exact[0]?.[f] ?? null) as Value | null),
    rows.statuses[0]?.[f] ?? null,
  ])
  if (!stream.isTerminal)
    return tableText({ columns: [{ name: 'feature' }, { name: 'value' }, { name: 'status' }], rows: lines }, stream)
  const shown = lines.map(([name, value, status], f) => [
    name ?? null,
    value ?? '–',
    status === 'PRESENT' ? (rows.types[f] ?? '') : (status ?? ''),
  ])
  const table = await aligned(
    { columns: [{ name: 'feature' }, { name: 'value', right: true }, { name: '' }], rows: shown },
    stream,
  )
  const times = rows.views.map((view, v) => {
    const time = rows.eventTimes[0]?.[v] ?? null
    return time === null ? `${view}: no row` : `${view}: as of ${formatInstant(time)} (${ageOf(time)})`
  })
  return `${stream.colours.bold(heading)}\n${table}${stream.colours.dim(times.join('\n'))}\n`
}
