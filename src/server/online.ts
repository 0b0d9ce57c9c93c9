import type { output } from 'zod'
import { pointerTo } from '../codecs/json-value.ts'
import type { Routes } from '../contract/routes.ts'
import type { CallOptions, OnlineCounts, OnlineText, OnlineTextOptions } from '../contract/store.ts'
import { type RequestLimits, toldLimit } from '../define/request-limits.ts'
import { must } from '../kernel/assert.ts'
import { fail, isProvenderError } from '../kernel/errors.ts'
import type { ServerContext } from './context.ts'
import { type Handlers, noOptions } from './handler.ts'
import type { Metrics } from './metrics.ts'
import { sentValues } from './value-form.ts'

type Entity = Readonly<Record<string, unknown>>
type BatchBody = output<Routes['online']['body']>

/** Online reads. They are over too soon to be worth a signal: a deadline is all they carry. */
export function onlineHandlers(context: ServerContext): Pick<Handlers, 'onlineOne' | 'online'> {
  return {
    onlineOne: ({ params, query, keys, deadline }) =>
      answer(context, [params.reference], [keys], {
        options:
          query === noOptions
            ? { as: 'one', form: 'text', timeoutMs: deadline.timeoutMs }
            : oneOptions(query, deadline),
        placeOf: inQuery,
      }),
    online({ body, headers, deadline }) {
      const [unknown] = Object.keys(body.request ?? {})
      if (unknown !== undefined)
        throw fail('UNKNOWN_COLUMN', `"${unknown}" is no request input of what is asked for`, {
          at: pointerTo('/request', unknown),
          remedy: 'Leave it out.',
        })
      const { form, values } = sentValues(headers, body.entities)
      const { entities, placeOf } = entitiesOf(values, context.limits)
      const options = {
        as: 'batch',
        form,
        ...deadline,
        ...optionsOf(body.fullNames, body.includeExpired),
        ...(body.include === undefined ? {} : { include: body.include }),
      } as const
      return answer(context, [body.features].flat(), entities, { options, placeOf })
    },
  }
}

const oneOptions = (
  query: output<Routes['onlineOne']['query']>,
  deadline: Pick<CallOptions, 'timeoutMs'>,
): OnlineTextOptions => ({
  as: 'one',
  form: 'text',
  ...deadline,
  ...optionsOf(query._fullNames, query._includeExpired),
  ...(query._include === undefined ? {} : { include: [query._include] }),
})

const optionsOf = (fullNames: boolean | undefined, includeExpired: boolean | undefined) => ({
  ...(fullNames === undefined ? {} : { fullNames }),
  ...(includeExpired === undefined ? {} : { includeExpired }),
})

interface Reading {
  readonly options: OnlineTextOptions
  readonly placeOf: PlaceOf
}

/** The text of an answer, counted; at once where the store has it at hand. */
function answer(
  { store, metrics }: ServerContext,
  features: readonly string[],
  entities: readonly Entity[],
  { options, placeOf }: Reading,
): string | Promise<string> {
  try {
    const found = must(store.onlineText, 'a server has a store in its own process')(features, entities, options)
    if (!(found instanceof Promise)) return counted(metrics, found)
    return found.then(
      (text) => counted(metrics, text),
      (thrown: unknown) => {
        throw placed(thrown, placeOf)
      },
    )
  } catch (thrown) {
    throw placed(thrown, placeOf)
  }
}

function counted(metrics: Metrics, found: OnlineText): string {
  metrics.asked(found.entities, found.features)
  for (const view of found.views) count(metrics, view)
  return found.text
}

function count(metrics: Metrics, { view, present, nullValue, notFound, expired, ageSeconds }: OnlineCounts): void {
  const meter = metrics.view(view)
  if (present > 0) meter.present.add(present)
  if (nullValue > 0) meter.nullValue.add(nullValue)
  if (notFound > 0) meter.notFound.add(notFound)
  if (expired > 0) meter.expired.add(expired)
  if (ageSeconds !== null) meter.age.add(ageSeconds)
}

/** Where a field of an entity stands in the request. */
type PlaceOf = (row: number, field: string) => string

const inQuery: PlaceOf = (_, field) => pointerTo('', field)
const inRows: PlaceOf = (row, field) => pointerTo(`/entities/${row}`, field)
const inColumns: PlaceOf = (row, field) => `${pointerTo('/entities', field)}/${row}`

/** Entities as objects, from objects or columns. @throws BAD_REQUEST for columns of several lengths; PAYLOAD_TOO_LARGE. */
function entitiesOf(
  given: BatchBody['entities'],
  limits: RequestLimits,
): { readonly entities: readonly Entity[]; readonly placeOf: PlaceOf } {
  if (Array.isArray(given)) {
    demandFew(given.length, limits)
    // What is no object among them is refused by the store, with its place.
    return { entities: given as readonly Entity[], placeOf: inRows }
  }
  const columns = Object.entries(given as Readonly<Record<string, readonly unknown[]>>)
  const [first] = columns
  const count = first?.[1].length ?? 0
  const other = columns.find(([, values]) => values.length !== count)
  if (first !== undefined && other !== undefined)
    throw fail(
      'BAD_REQUEST',
      `The columns "${first[0]}" and "${other[0]}" have ${count} and ${other[1].length} values`,
      { at: pointerTo('/entities', other[0]), remedy: 'Send columns of one length.' },
    )
  demandFew(count, limits)
  const entities = Array.from({ length: count }, (_, row) => {
    const entity = Object.create(null) as Record<string, unknown>
    for (const [name, values] of columns) entity[name] = values[row]
    return entity
  })
  return { entities, placeOf: inColumns }
}

function demandFew(count: number, limits: RequestLimits): void {
  if (count <= limits.batchRows) return
  throw fail('PAYLOAD_TOO_LARGE', `${count} entities are asked for; one call takes ${toldLimit(limits, 'batchRows')}`, {
    at: '/entities',
  })
}

const rowPlace = /^\/entities\/(\d+)\/(.*)$/s

/** An error whose place, which the store tells by rows, is put where the request has it. */
function placed(thrown: unknown, placeOf: PlaceOf): unknown {
  const [, row, field] = (isProvenderError(thrown) && rowPlace.exec(thrown.at ?? '')) || []
  if (!isProvenderError(thrown) || row === undefined || field === undefined) return thrown
  const at = placeOf(Number(row), field.replaceAll('~1', '/').replaceAll('~0', '~'))
  return fail(thrown.code, thrown.message, { at, remedy: thrown.remedy, cause: thrown })
}
