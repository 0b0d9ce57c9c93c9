import type { IncomingMessage } from 'node:http'
import { lineReader, readHead } from '../codecs/batch-lines.ts'
import type { CallOptions, Table } from '../contract/store.ts'
import { batchesType } from '../contract/wire-names.ts'
import { type ProvenderError, fail, isProvenderError } from '../kernel/errors.ts'
import { tableOf } from '../retrieve/table.ts'
import type { Batch, Field } from '../values/batch.ts'
import { strange } from './answer.ts'
import type { CallEnd } from './call-end.ts'
import type { Caller, Said } from './caller.ts'
import { unreachable } from './connection.ts'
import { download } from './download.ts'
import { linesOf } from './line-reader.ts'
import { errorOfProblem, placed } from './problem-error.ts'

/** A request for a table. */
export interface TableRequest {
  readonly name: 'historical' | 'historicalEvents' | 'historicalSnapshot'
  readonly said: Said
  readonly options: CallOptions
  /** Where a place that the server tells is here. */
  readonly placeOf?: (at: string) => string
}

/**
 * Asks for a table and answers it once its columns are known. The rows wait on the server until they are read, batch by batch. As Parquet they
 * are asked for once more: what waited is let go before anything of it is computed.
 */
export async function remoteTable(caller: Caller, request: TableRequest): Promise<Table> {
  const { name, said, options } = request
  const told = tellerOf(request)
  await using owned = new AsyncDisposableStack()
  const end = owned.use(caller.begin(name, options))
  const answer = await told(caller.open(name, { ...said, media: batchesType }, end))
  const leave = (): void => void answer.destroy()
  owned.defer(leave)
  const lines = new AnswerLines(caller, answer, end)
  const line = await lines.next()
  const head = line === undefined ? undefined : lines.read(() => readHead(line))
  if (head === undefined) throw lines.cutOff()
  const kept = owned.move()
  return tableOf({
    notes: head.notes,
    result: {
      fields: head.fields,
      batches: () => batchesOf(lines, head.fields, told),
      writeParquet: async (path) => {
        leave()
        return await told(download(caller, { name, said }, end, path))
      },
      [Symbol.asyncDispose]: () => kept.disposeAsync(),
    },
  })
}

/** Tells errors with the places of this side. */
type Teller = <T>(work: Promise<T>) => Promise<T>

const tellerOf =
  ({ name, placeOf }: TableRequest): Teller =>
  async (work) => {
    try {
      return await work
    } catch (thrown) {
      if (!isProvenderError(thrown)) throw thrown
      if (placeOf !== undefined) throw placed(thrown, placeOf)
      if (name !== 'historical' || thrown.code !== 'PAYLOAD_TOO_LARGE') throw thrown
      const remedy = 'Write the spine to a file: { parquet }, { csv } and { ndjson } are streamed.'
      throw fail(thrown.code, thrown.message, { remedy, cause: thrown })
    }
  }

async function* batchesOf(lines: AnswerLines, fields: readonly Field[], told: Teller): AsyncGenerator<Batch> {
  const read = lineReader(fields)
  let rows = 0
  for (let line = await lines.next(); line !== undefined; line = await lines.next()) {
    const text = line
    const each = lines.read(() => read(text))
    if (each?.kind === 'problem') await told(Promise.reject(errorOfProblem(each.problem) ?? lines.cutOff()))
    if (each?.kind === 'end' && each.rows === rows) return
    if (each?.kind !== 'batch') throw lines.cutOff()
    rows += each.batch.rows
    yield each.batch
  }
  throw lines.cutOff()
}

/** The lines of an answer, as they are asked for. */
class AnswerLines {
  readonly #caller: Caller
  readonly #end: CallEnd
  readonly #lines: AsyncGenerator<string>

  constructor(caller: Caller, answer: IncomingMessage, end: CallEnd) {
    this.#caller = caller
    this.#end = end
    this.#lines = linesOf(answer, () => strange(caller.url, 'a line of its answer is too long'))
  }

  /** The next line; undefined where there is none. @throws why the call ended; STORE_UNREACHABLE for an answer that breaks off. */
  async next(): Promise<string | undefined> {
    try {
      this.#end.wait()
      const line = await this.#lines.next()
      return line.done === true ? undefined : line.value
    } catch (thrown) {
      throw this.#errorOf(thrown)
    } finally {
      this.#end.pause()
    }
  }

  /** Reads a line; what is wrong with it, is wrong with the server. */
  read<T>(read: () => T): T {
    try {
      return read()
    } catch (thrown) {
      throw this.#errorOf(thrown)
    }
  }

  /** The error for lines that end before their end. */
  cutOff(): ProvenderError {
    return this.#end.reason ?? fail('STORE_UNREACHABLE', `${this.#caller.url.origin} broke off before the last row`)
  }

  #errorOf(thrown: unknown): ProvenderError {
    if (this.#end.reason !== undefined) return this.#end.reason
    if (!isProvenderError(thrown)) return unreachable(this.#caller.url, thrown)
    return thrown.code === 'BAD_REQUEST' ? strange(this.#caller.url, thrown.message) : thrown
  }
}
