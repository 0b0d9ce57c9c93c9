import { basename } from 'node:path'
import { Readable } from 'node:stream'
import type { output } from 'zod'
import type { MediaType } from '../contract/route.ts'
import type { Routes } from '../contract/routes.ts'
import type { CallOptions, HistoricalOptions, Spine, Table } from '../contract/store.ts'
import { fail, isProvenderError, type ProvenderError } from '../kernel/errors.ts'
import { limits } from '../kernel/limits.ts'
import type { ServerContext } from './context.ts'
import type { Asked, Handlers, OtherBody, Reply } from './handler.ts'
import { tooLarge } from './request-body.ts'
import { tableReply } from './table-reply.ts'
import { receive } from './upload-folder.ts'

type Historical = Asked<Routes['historical']>
type Body = output<Routes['historical']['body']>

/** What a training set is built from. */
interface Request {
  readonly features: Body['features']
  readonly spine: Spine
  readonly options: HistoricalOptions
}

/** Tables of history. */
export function historicalHandlers(
  context: ServerContext,
): Pick<Handlers, 'historical' | 'historicalEvents' | 'historicalSnapshot'> {
  const { store, uploads } = context
  const answer = async (
    { wanted, call }: { readonly wanted: MediaType; readonly call: CallOptions },
    read: (call: CallOptions, owned: AsyncDisposableStack) => Promise<Table>,
  ): Promise<Reply> => {
    await using owned = new AsyncDisposableStack()
    const table = owned.use(await read(call, owned))
    return await tableReply({ table, owned, uploads }, wanted)
  }
  return {
    historical: (asked) =>
      answer(asked, async (call, owned) => {
        const { other } = asked
        if (other !== undefined) return uploaded(context, asked, { call, owned, other })
        const { features, spine, options } = ofBody(asked, context.sql)
        return store.historical(features, spine, { ...options, ...call })
      }),
    historicalEvents: (asked) =>
      answer(asked, (call) => {
        const { features, ...options } = asked.body
        return store.events(features, { ...options, ...call })
      }),
    historicalSnapshot: (asked) =>
      answer(asked, (call) => {
        const { features, ...options } = asked.body
        return store.snapshot(features, { ...options, ...call })
      }),
  }
}

/** A request whose spine stands in its JSON. @throws BAD_REQUEST, SQL_REFUSED. */
function ofBody({ body, query }: Historical, sqlAllowed: boolean): Request {
  const [option] = Object.keys(query)
  if (option !== undefined)
    throw fail('BAD_REQUEST', `"${option}" stands in the query string`, {
      at: `/${option}`,
      remedy: 'Beside JSON, put it into the body.',
    })
  if (body === undefined) throw fail('BAD_REQUEST', 'There is no body')
  const { features, spine, ...options } = body
  const { rows, columns, sql } = spine
  if ([rows, columns, sql].filter((form) => form !== undefined).length !== 1)
    throw fail('BAD_REQUEST', 'The spine is not one of rows, columns and sql', {
      at: '/spine',
      remedy: 'Send { "rows": […] }, { "columns": {…} } or { "sql": "…" }.',
    })
  if (sql !== undefined && !sqlAllowed)
    throw fail('SQL_REFUSED', 'A spine of SQL is not allowed over HTTP', {
      at: '/spine/sql',
      remedy: 'Send the rows, or set  server: { sql: true }  in provender.yaml.',
    })
  return {
    features,
    options,
    spine: rows !== undefined ? { rows } : columns !== undefined ? { columns } : { sql: sql ?? '' },
  }
}

interface Upload {
  readonly call: CallOptions
  readonly owned: AsyncDisposableStack
  readonly other: OtherBody
}

/** The table for a spine that is the body itself; its file goes with the answer. */
async function uploaded(
  { store, uploads }: ServerContext,
  { query, headers }: Historical,
  { call, owned, other }: Upload,
): Promise<Table> {
  const { features, ...options } = query
  if (features === undefined)
    throw fail('BAD_REQUEST', 'The parameter "features" is missing', {
      at: '/features',
      remedy: 'Put it into the query string: ?features=view&features=service.',
    })
  const form = spineForms[other.media]
  if (form === undefined || !(other.content instanceof Readable))
    throw new Error(`Assertion failed: ${other.media} is a spine`)
  if (Number(headers['content-length']) > limits.spineBytes) throw tooLarge(limits.spineBytes)
  const { path } = owned.use(await uploads.newFile(form))
  await receive(other.content, path, call.signal)
  const spine = form === 'parquet' ? { parquet: path } : form === 'csv' ? { csv: path } : { ndjson: path }
  try {
    return await store.historical(features, spine, { ...options, ...call })
  } catch (thrown) {
    throw isProvenderError(thrown) ? withoutPath(thrown, path) : thrown
  }
}

const spineForms: Readonly<Partial<Record<MediaType, 'parquet' | 'csv' | 'ndjson'>>> = Object.freeze({
  'application/vnd.apache.parquet': 'parquet',
  'text/csv': 'csv',
  'application/x-ndjson': 'ndjson',
})

/** An error in the words of whoever sent the spine, who knows nothing of the file that it was kept in. */
function withoutPath(error: ProvenderError, path: string): ProvenderError {
  const name = new RegExp(`[^\\s"'(),]*${basename(path).replaceAll('.', '\\.')}`, 'g')
  return fail(error.code, error.message.replaceAll(name, 'the spine'), {
    at: error.at?.replaceAll(name, 'spine'),
    remedy: error.remedy.replaceAll(name, 'the spine'),
    errors: error.errors.map((each) => withoutPath(each, path)),
    cause: error,
  })
}
