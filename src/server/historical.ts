import type { IncomingHttpHeaders } from 'node:http'
import { basename } from 'node:path'
import { Readable } from 'node:stream'
import type { output } from 'zod'
import type { MediaType } from '../contract/route.ts'
import type { Routes } from '../contract/routes.ts'
import type { CallOptions, HistoricalOptions, Spine, Table } from '../contract/store.ts'
import { type ProvenderError, asProvenderError, fail } from '../kernel/errors.ts'
import type { ServerContext } from './context.ts'
import type { Asked, Handlers, Reply } from './handler.ts'
import { problemReply } from './problem.ts'
import { tooLarge } from './request-body.ts'
import { leftOf } from './request-call.ts'
import { tableReply } from './table-reply.ts'
import { receive } from './upload-folder.ts'
import { sentValues } from './value-form.ts'

type Historical = Asked<Routes['historical']>
type Body = output<Routes['historical']['body']>

/** What a training set is built from. */
interface Request {
  readonly features: Body['features']
  readonly spine: Spine
  readonly options: HistoricalOptions
}

/** A spine that came as a body. */
interface Upload {
  /** What has to go with the answer. */
  readonly owned: AsyncDisposableStack
  /** Anything thrown, as an error in the words of the sender. */
  readonly told: (thrown: unknown) => ProvenderError
}

/** Reads a table, once it is the request's turn. */
type Read = (call: CallOptions) => Promise<Table>

/** Tables of history, each in its turn. */
export function historicalHandlers(
  context: ServerContext,
): Pick<Handlers, 'historical' | 'historicalEvents' | 'historicalSnapshot'> {
  const { store, uploads, limits, turns, roots, log } = context
  const answer = async (
    { wanted, call }: { readonly wanted: MediaType; readonly call: CallOptions },
    read: Read,
    { owned = new AsyncDisposableStack(), told = asProvenderError }: Partial<Upload> = {},
  ): Promise<Reply> => {
    await using kept = owned
    const problemOf = (thrown: unknown): string => {
      const error = told(thrown)
      if (error.code === 'INTERNAL') log.error({ err: thrown }, error.message)
      return problemReply(error, { dir: roots.dir }).text
    }
    const askedAtMs = performance.now()
    // It is over when the answer was sent, or nobody waits for it any more.
    kept.use(await turns.take(call))
    const table = kept.use(await read(leftOf(call, askedAtMs)))
    return await tableReply({ table, owned: kept, uploads, limits, problemOf }, wanted)
  }
  return {
    async historical(asked) {
      if (asked.other !== undefined) {
        await using owned = new AsyncDisposableStack()
        const { call, read, told } = await uploaded(context, asked, owned)
        return await answer({ wanted: asked.wanted, call }, read, { owned: owned.move(), told })
      }
      const { features, spine, options } = ofBody(asked, context.sql)
      return answer(asked, (call) => store.historical(features, spine, { ...options, ...call }))
    },
    historicalEvents: (asked) => {
      const { features, ...options } = asked.body
      return answer(asked, (call) => store.events(features, { ...options, ...call }))
    },
    historicalSnapshot: (asked) => {
      const { features, ...options } = asked.body
      return answer(asked, (call) => store.snapshot(features, { ...options, ...call }))
    },
  }
}

/** A request whose spine stands in its JSON. @throws BAD_REQUEST, SQL_REFUSED. */
function ofBody({ body, query, headers }: Historical, sqlAllowed: boolean): Request {
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
    spine:
      rows !== undefined
        ? { rows: sentValues(headers, rows).values }
        : columns !== undefined
          ? { columns: sentValues(headers, columns).values }
          : { sql: sql ?? '' },
  }
}

/** Takes a spine that is the body itself into a file, which goes with the answer; then the table can be read, in what is left of the time. */
async function uploaded(
  { store, uploads, limits, turns }: ServerContext,
  { query, headers, call, other }: Historical,
  owned: AsyncDisposableStack,
): Promise<{ readonly call: CallOptions; readonly read: Read; readonly told: Upload['told'] }> {
  const { features, ...options } = query
  if (features === undefined)
    throw fail('BAD_REQUEST', 'The parameter "features" is missing', {
      at: '/features',
      remedy: 'Put it into the query string: ?features=view&features=service.',
    })
  const form = other === undefined ? undefined : spineForms[other.media]
  if (form === undefined || !(other?.content instanceof Readable))
    throw new Error(`Assertion failed: ${String(other?.media)} is a spine`)
  if (Number(headers['content-length']) > limits.spineBytes) throw tooLarge(limits, 'spineBytes')
  // Before a body is taken in that could not even wait.
  turns.demandRoom()
  const { path } = owned.use(await uploads.newFile(form))
  const askedAtMs = performance.now()
  // The time that a body takes counts only where the client has set the deadline, as for all bodies.
  const isTimed = headers['x-timeout-ms'] !== undefined
  await receive(other.content, path, limits, isTimed ? call : withoutDeadline(call))
  const spine = form === 'parquet' ? { parquet: path } : form === 'csv' ? { csv: path } : { ndjson: path }
  const read: Read = async (left) => {
    try {
      return await store.historical(features, spine, { ...options, ...left })
    } catch (thrown) {
      throw told(thrown)
    }
  }
  const name = sentName(headers)
  const told = (thrown: unknown): ProvenderError => withoutPath(asProvenderError(thrown), path, name)
  return { call: isTimed ? leftOf(call, askedAtMs) : call, read, told }
}

/** Characters of a file's name that are said back. */
const nameChars = 1024

/** What the sender calls the file that is its body, in `content-disposition`. */
function sentName({ 'content-disposition': disposition = '' }: IncomingHttpHeaders): string | undefined {
  const encoded = /;\s*filename\*=UTF-8''([\w%.~!#$&+^`|*'-]+)/i.exec(disposition)?.[1] ?? ''
  try {
    const name = decodeURIComponent(encoded).replaceAll(/\p{Cc}/gu, ' ')
    return name === '' || name.length > nameChars ? undefined : name
  } catch {
    return undefined
  }
}

const withoutDeadline = ({ signal }: CallOptions): CallOptions => (signal === undefined ? {} : { signal })

const spineForms: Readonly<Partial<Record<MediaType, 'parquet' | 'csv' | 'ndjson'>>> = Object.freeze({
  'application/vnd.apache.parquet': 'parquet',
  'text/csv': 'csv',
  'application/x-ndjson': 'ndjson',
})

/** An error in the words of whoever sent the spine, who knows nothing of the file that it was kept in. */
function withoutPath(error: ProvenderError, path: string, called: string | undefined): ProvenderError {
  const name = new RegExp(`[^\\s"'(),]*${basename(path).replaceAll('.', '\\.')}`, 'g')
  const say = (text: string): string => text.replaceAll(name, () => called ?? 'the spine')
  return fail(error.code, say(error.message), {
    ...(error.at === undefined ? {} : { at: error.at.replaceAll(name, 'spine') }),
    remedy: say(error.remedy),
    errors: error.errors.map((each) => withoutPath(each, path, called)),
    cause: error,
  })
}
