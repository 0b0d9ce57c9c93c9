import type { output } from 'zod'
import { pointerTo } from '../codecs/json-value.ts'
import type { Routes } from '../contract/routes.ts'
import type { OnlineRows } from '../contract/store.ts'
import { type RequestLimits, toldLimit } from '../define/request-limits.ts'
import { fail, isProvenderError } from '../kernel/errors.ts'
import type { ServerContext } from './context.ts'
import type { Handlers } from './handler.ts'
import { batchText, oneText } from './online-text.ts'
import { sentValues } from './value-form.ts'

type Entity = Readonly<Record<string, unknown>>
type BatchBody = output<Routes['online']['body']>

/** Online reads. They are over too soon to be worth a signal: a deadline is all they carry. */
export function onlineHandlers({ store, limits }: ServerContext): Pick<Handlers, 'onlineOne' | 'online'> {
  return {
    async onlineOne({ params, query, keys, deadline }) {
      const options = {
        form: 'text',
        ...exact,
        ...deadline,
        ...optionsOf(query._fullNames, query._includeExpired),
      } as const
      const rows = await placed(store.online(params.reference, [keys], options), (_, field) => pointerTo('', field))
      return oneText(rows, keys, query._include === 'eventTimes')
    },
    async online({ body, headers, deadline }) {
      const [unknown] = Object.keys(body.request ?? {})
      if (unknown !== undefined)
        throw fail('UNKNOWN_COLUMN', `"${unknown}" is no request input of what is asked for`, {
          at: pointerTo('/request', unknown),
          remedy: 'Leave it out.',
        })
      const { form, values } = sentValues(headers, body.entities)
      const { entities, placeOf } = entitiesOf(values, limits)
      const options = {
        form,
        ...exact,
        ...deadline,
        ...optionsOf(body.fullNames, body.includeExpired),
      } as const
      const rows = await placed(store.online(body.features, entities, options), placeOf)
      return batchText(rows, { times: body.include?.includes('eventTimes'), types: body.include?.includes('types') })
    },
  }
}

/** The objects beside the exact values are not looked at; they must not throw. */
const exact = Object.freeze({ int64: 'bigint', instants: 'micros' } as const)

const optionsOf = (fullNames: boolean | undefined, includeExpired: boolean | undefined) => ({
  ...(fullNames === undefined ? {} : { fullNames }),
  ...(includeExpired === undefined ? {} : { includeExpired }),
})

/** Where a field of an entity stands in the request. */
type PlaceOf = (row: number, field: string) => string

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

/** Puts the place of an error, which the store tells by rows, where the request has it. */
async function placed(reading: Promise<OnlineRows>, placeOf: PlaceOf): Promise<OnlineRows> {
  try {
    return await reading
  } catch (thrown) {
    const [, row, field] = (isProvenderError(thrown) && rowPlace.exec(thrown.at ?? '')) || []
    if (!isProvenderError(thrown) || row === undefined || field === undefined) throw thrown
    const at = placeOf(Number(row), field.replaceAll('~1', '/').replaceAll('~0', '~'))
    throw fail(thrown.code, thrown.message, { at, remedy: thrown.remedy, cause: thrown })
  }
}
