import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { problemLine, tableLines } from '../codecs/batch-lines.ts'
import type { MediaType } from '../contract/route.ts'
import type { Table } from '../contract/store.ts'
import { batchesType, notesHeader, rowsHeader } from '../contract/wire-names.ts'
import { type RequestLimits, toldLimit } from '../define/request-limits.ts'
import { fail } from '../kernel/errors.ts'
import { jsonOf, textOf } from '../retrieve/table.ts'
import type { Reply } from './handler.ts'
import { serverLimits } from './server-limits.ts'
import type { UploadFolder } from './upload-folder.ts'

/** A table to answer with, and what has to go when it was read or nobody reads it. */
export interface Answering {
  readonly table: Table
  readonly owned: AsyncDisposableStack
  readonly uploads: UploadFolder
  readonly limits: RequestLimits
  /** The problem document of what breaks the rows off. */
  readonly problemOf: (thrown: unknown) => string
}

/**
 * Answers with a table: as one JSON document, or as a stream of Parquet, CSV or NDJSON, whose first rows are computed before
 * the answer begins, so that most of what can go wrong is still told by a status. A stream that breaks ends without its last chunk.
 * The lines for clients tell by themselves what broke them off, so they begin at once.
 * @throws PAYLOAD_TOO_LARGE for JSON beyond `jsonTableChars` of the limits; what the table throws.
 */
export async function tableReply(answering: Answering, media: MediaType): Promise<Reply> {
  const { table, limits } = answering
  if (media === 'application/json') return jsonReply(answering, await jsonText(table, limits))
  const notes = notesHeaders(table.notes)
  if (media === 'application/vnd.apache.parquet') {
    const file = answering.owned.use(await answering.uploads.newFile('parquet'))
    const rows = await table.toParquet(file.path)
    const { size } = await stat(file.path)
    return {
      media,
      headers: { ...notes, [rowsHeader]: String(rows), 'content-length': String(size) },
      body: streamed(answering, createReadStream(file.path)),
    }
  }
  if (media === batchesType) return { media, body: streamed(answering, linesOf(answering)) }
  const pieces = textOf(() => table.batches(), table.fields, media === 'text/csv' ? 'csv' : 'ndjson')
  return { media, headers: notes, body: streamed(answering, await begun(textsOf(pieces))) }
}

/** Characters of JSON that are sent as they are; longer ones piece by piece, so that a slow reader is noticed. */
const pieceChars = 256 * 1024

function jsonReply(answering: Answering, text: string): Reply {
  if (text.length <= pieceChars) return { body: text }
  return {
    headers: { 'content-length': String(Buffer.byteLength(text)) },
    body: streamed(answering, piecesOf(Buffer.from(text))),
  }
}

async function* piecesOf(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += pieceChars) yield bytes.subarray(at, at + pieceChars)
}

async function jsonText(table: Table, limits: RequestLimits): Promise<string> {
  const columns = table.fields.map((): string[] => [])
  let rows = 0
  let chars = 0
  for await (const batch of table.batches()) {
    for (const [j, field] of table.fields.entries()) {
      let text = ''
      for (let i = 0; i < batch.rows; i++)
        text += `${i === 0 ? '' : ','}${jsonOf(field, batch.columns[j]?.[i] ?? null)}`
      columns[j]?.push(text)
      chars += text.length
    }
    rows += batch.rows
    if (chars > limits.jsonTableChars)
      throw fail(
        'PAYLOAD_TOO_LARGE',
        `The table has more characters of JSON than ${toldLimit(limits, 'jsonTableChars')}`,
        {
          remedy: 'Ask for Parquet, CSV or NDJSON with `accept`: these are streamed.',
        },
      )
  }
  const named = (text: (i: number) => string): string =>
    `{${table.fields.map(({ name }, i) => `${JSON.stringify(name)}:${text(i)}`).join(',')}}`
  const typeOf = (i: number): string => {
    const type = table.fields[i]?.type ?? ''
    return JSON.stringify(typeof type === 'string' ? type : type.foreign)
  }
  return `{"columns":${named((i) => `[${columns[i]?.filter((text) => text !== '').join(',') ?? ''}]`)},"types":${named(typeOf)},"rows":${rows},"notes":${JSON.stringify(table.notes)}}`
}

/** Notes as a header, for answers that have no other place for them: a JSON array in ASCII. */
function notesHeaders(notes: readonly string[]): Readonly<Record<string, string>> {
  if (notes.length === 0) return {}
  const text = JSON.stringify(notes).replaceAll(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return text.length > serverLimits.notesChars ? {} : { [notesHeader]: text }
}

async function* linesOf({ table, problemOf }: Answering): AsyncGenerator<string> {
  try {
    yield* tableLines({ fields: table.fields, notes: table.notes, batches: () => table.batches() })
  } catch (thrown) {
    yield problemLine(problemOf(thrown))
  }
}

async function* textsOf(pieces: AsyncIterable<{ readonly text: string }>): AsyncGenerator<string> {
  for await (const { text } of pieces) yield text
}

/** How many pieces are computed before an answer begins: a header, and the first rows. */
const pulledFirst = 2

/** The same pieces, the first of them computed already. */
async function begun(pieces: AsyncGenerator<string>): Promise<AsyncIterable<string>> {
  const first: string[] = []
  while (first.length < pulledFirst) {
    const next = await pieces.next()
    if (next.done === true) break
    first.push(next.value)
  }
  return (async function* () {
    yield* first
    yield* pieces
  })()
}

/** A stream that lets go of what is owned when it ends, however it does, and that no reader holds up for ever. */
function streamed({ owned, limits }: Answering, pieces: AsyncIterable<string | Buffer>): Readable {
  const kept = owned.move()
  const stream = Readable.from(
    paced(pieces, limits.downloadIdleMs, () =>
      stream.destroy(
        fail('DEADLINE_EXCEEDED', `The answer was not read for ${toldLimit(limits, 'downloadIdleMs')} ms`),
      ),
    ),
  )
  stream.once('close', () => void kept.disposeAsync())
  return stream
}

async function* paced<T>(pieces: AsyncIterable<T>, idleMs: number, onIdle: () => void): AsyncGenerator<T> {
  for await (const piece of pieces) {
    const timer = setTimeout(onIdle, idleMs)
    try {
      yield piece
    } finally {
      clearTimeout(timer)
    }
  }
}
