import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { relative } from 'node:path'
import { noSpine, textsOf } from '../contract/arguments.ts'
import type { CallOptions, HistoricalOptions, Named, Spine, Store, Table } from '../contract/store.ts'
import { fail } from '../kernel/errors.ts'
import type { Caller, Said, StreamedBody } from './caller.ts'
import { instantText, jsonText, objectText, valuesText } from './request-text.ts'
import { remoteTable } from './table.ts'

/** The verbs that read history. */
export function historicalVerbs(caller: Caller): Pick<Store, 'historical' | 'events' | 'snapshot'> {
  const table = (
    name: 'historicalEvents' | 'historicalSnapshot',
    members: Readonly<Record<string, unknown>>,
    options: CallOptions,
  ): Promise<Table> => remoteTable(caller, { name, options, said: { body: JSON.stringify(members) } })
  return {
    async historical(features, spine, options = {}) {
      const file = fileOf(spine)
      const said = await saidOf(features, file ?? spine, options)
      return remoteTable(caller, {
        name: 'historical',
        options,
        said,
        ...(file === undefined ? {} : { placeOf: placeIn(file) }),
      })
    },
    async events(features, options) {
      const { fullNames } = options
      const start = instantText(options.start, 'start')
      const end = instantText(options.end, 'end')
      const asOf = instantText(options.asOf, 'asOf')
      return table('historicalEvents', { features: textsOf(features), start, end, asOf, fullNames }, options)
    },
    async snapshot(features, options) {
      const { fullNames, includeExpired } = options
      const at = instantText(options.at, 'at')
      const asOf = instantText(options.asOf, 'asOf')
      return table('historicalSnapshot', { features: textsOf(features), at, asOf, fullNames, includeExpired }, options)
    },
  }
}

/** A request for a training set: a spine that is a file is the body itself, with the rest in the query string. */
async function saidOf(
  features: Named | readonly Named[],
  spine: Spine | SpineFile,
  options: HistoricalOptions,
): Promise<Said<'historical'>> {
  const { timestamp, fullNames, knownBy, registryVersion } = options
  const asOf = instantText(options.asOf, 'asOf')
  if ('media' in spine)
    return {
      body: await streamed(spine),
      headers: {
        'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(spine.path.toWellFormed())}`,
      },
      query: {
        features: textsOf(features),
        timestamp,
        fullNames: jsonText(fullNames),
        knownBy,
        asOf,
        registryVersion: jsonText(registryVersion),
      },
    }
  const { text, headers } = spineText(spine)
  return {
    headers,
    body: objectText({
      features: JSON.stringify(textsOf(features)),
      spine: text,
      timestamp: jsonText(timestamp),
      fullNames: jsonText(fullNames),
      knownBy: jsonText(knownBy),
      asOf: jsonText(asOf),
      registryVersion: jsonText(registryVersion),
    }),
  }
}

/** A spine that stands in a JSON body. @throws BAD_REQUEST when it is none. */
function spineText(spine: Spine): ReturnType<typeof valuesText> {
  const under = (name: string, { text, headers }: ReturnType<typeof valuesText>) => ({
    text: `{"${name}":${text}}`,
    headers,
  })
  if (isRows(spine)) return under('rows', valuesText(spine, 'js'))
  if ('rows' in spine) return under('rows', valuesText(spine.rows, 'js'))
  if ('columns' in spine) return under('columns', valuesText(spine.columns, 'js'))
  if ('sql' in spine) return { text: JSON.stringify({ sql: spine.sql }), headers: {} }
  throw noSpine()
}

interface SpineFile {
  readonly path: string
  readonly media: string
}

function fileOf(spine: Spine): SpineFile | undefined {
  if (isRows(spine)) return undefined
  if ('parquet' in spine) return { path: spine.parquet, media: 'application/vnd.apache.parquet' }
  if ('csv' in spine) return { path: spine.csv, media: 'text/csv' }
  return 'ndjson' in spine ? { path: spine.ndjson, media: 'application/x-ndjson' } : undefined
}

/** The server knows a line of the spine; here it is a file, told relative to where one is. */
const placeIn =
  ({ path }: SpineFile) =>
  (at: string): string =>
    at.replace(/^spine(?=:|$)/, () => relative(process.cwd(), path))

/** @throws SOURCE_UNREADABLE for what is no file. */
async function streamed({ path, media }: SpineFile): Promise<StreamedBody> {
  const found = await stat(path).catch((thrown: unknown) => {
    throw fail(
      'SOURCE_UNREADABLE',
      `The spine ${path} cannot be read: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
      { cause: thrown },
    )
  })
  if (!found.isFile()) throw fail('SOURCE_UNREADABLE', `The spine ${path} is not a file`)
  // What is written to it meanwhile is not sent.
  const open = (): ReturnType<typeof createReadStream> => createReadStream(path, { end: Math.max(0, found.size - 1) })
  return { media, bytes: found.size, open }
}

const isRows = (spine: Spine): spine is readonly Readonly<Record<string, unknown>>[] => Array.isArray(spine)
