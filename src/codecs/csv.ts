import { fail } from '../kernel/errors.ts'
import { limits } from '../kernel/limits.ts'
import { type FeatureType, partsOf } from '../values/feature-type.ts'
import { formatInstant } from '../values/instant.ts'
import type { Value } from '../values/value.ts'
import { parseExact } from './exact-json.ts'
import { float32Text, float64Text } from './float-text.ts'
import {
  type At,
  badValue,
  base64Of,
  base64Text,
  floatOf,
  instantOf,
  intOf,
  parseValue,
  textOf,
  whereOf,
  writeValue,
} from './json-value.ts'
import { textChunks } from './text-chunks.ts'

/** One record of a CSV file. A cell is null where nothing stands between the commas, and '' where `""` does. */
export interface CsvRecord {
  /** The line that it begins on, from 1. */
  readonly line: number
  readonly cells: readonly (string | null)[]
}

/**
 * Reads CSV (RFC 4180, UTF-8, LF or CRLF) as it arrives, the header among its records; an empty line is a null where the header
 * has one column, else it is left out. Holds one record in memory.
 * @param where What the text is, for errors: `body`, or a file.
 * @throws BAD_REQUEST with the line: bad quotes, another number of cells than in the first record, no UTF-8, a record longer than `limits.jsonBodyBytes`.
 */
export async function* readCsv(chunks: AsyncIterable<Uint8Array>, where = 'the body'): AsyncGenerator<CsvRecord> {
  const parser = new CsvParser(where)
  for await (const text of textChunks(chunks, where)) yield* parser.feed(text)
  yield* parser.end()
}

/** Where the parser stands: before a cell, in a plain one, in a quoted one, behind a quote in a quoted one. */
type State = 'start' | 'plain' | 'quoted' | 'closed'

/** Takes CSV text in pieces. A quoted cell may be cut anywhere, so the state outlives a piece. */
class CsvParser {
  readonly #where: string
  #state: State = 'start'
  #cell = ''
  #cells: (string | null)[] = []
  #line = 1
  #recordLine = 1
  #recordChars = 0
  #width = -1
  #skipLf = false

  constructor(where: string) {
    this.#where = where
  }

  *feed(text: string): Generator<CsvRecord> {
    let from = 0
    while (from < text.length) {
      if (this.#state === 'quoted') from = this.#quoted(text, from)
      else {
        const stop = nextStop(text, from)
        this.#take(text.slice(from, stop), from < stop)
        if (stop === text.length) return
        const record = this.#stop(text.charCodeAt(stop))
        if (record !== undefined) yield record
        from = stop + 1
      }
    }
  }

  *end(): Generator<CsvRecord> {
    if (this.#state === 'quoted') throw this.#fault('a quoted cell is not closed', this.#recordLine)
    if (this.#state === 'start' && this.#cells.length === 0) return
    const record = this.#endRecord()
    if (record !== undefined) yield record
  }

  /** Takes quoted text up to the next quote; answers where to go on. */
  #quoted(text: string, from: number): number {
    const quote = text.indexOf('"', from)
    const end = quote === -1 ? text.length : quote
    const part = text.slice(from, end)
    this.#grow(part.length)
    this.#cell += part
    for (let i = part.indexOf('\n'); i !== -1; i = part.indexOf('\n', i + 1)) this.#line++
    if (quote === -1) return end
    this.#state = 'closed'
    return quote + 1
  }

  /** Takes text without stops. */
  #take(part: string, some: boolean): void {
    if (!some) return
    this.#skipLf = false
    if (this.#state === 'closed') throw this.#fault('text stands behind a closing quote')
    this.#grow(part.length)
    this.#state = 'plain'
    this.#cell += part
  }

  /** Takes a quote, comma, CR or LF; answers a record that it ends. */
  #stop(c: number): CsvRecord | undefined {
    const afterCr = this.#skipLf
    this.#skipLf = false
    if (c === quoteChar) {
      if (this.#state === 'plain') throw this.#fault('a quote stands within an unquoted cell')
      if (this.#state === 'closed') this.#cell += '"'
      this.#grow(1)
      this.#state = 'quoted'
      return undefined
    }
    if (c === commaChar) {
      this.#endCell()
      return undefined
    }
    if (c === lfChar && afterCr) return undefined
    const record = this.#endRecord()
    this.#recordLine = ++this.#line
    this.#skipLf = c === crChar
    return record
  }

  #endCell(): void {
    this.#cells.push(this.#state === 'start' ? null : this.#cell)
    this.#cell = ''
    this.#state = 'start'
  }

  #endRecord(): CsvRecord | undefined {
    this.#endCell()
    const cells = this.#cells
    this.#cells = []
    this.#recordChars = 0
    if (cells.length === 1 && cells[0] === null && this.#width !== 1) return undefined
    if (this.#width === -1) this.#width = cells.length
    if (cells.length !== this.#width)
      throw this.#fault(`it has ${cells.length} cells, the header has ${this.#width}`, this.#recordLine)
    return { line: this.#recordLine, cells }
  }

  #grow(chars: number): void {
    this.#recordChars += chars
    if (this.#recordChars > limits.jsonBodyBytes)
      throw this.#fault(
        `a record is longer than ${limits.jsonBodyBytes} characters; is a quote missing?`,
        this.#recordLine,
      )
  }

  #fault(message: string, line = this.#line): Error {
    return fail('BAD_REQUEST', `Line ${line} of ${this.#where} is not CSV: ${message}`, {
      at: `line ${line}`,
      remedy: 'Write CSV by RFC 4180: cells with commas, quotes or line ends in double quotes, quotes doubled.',
    })
  }
}

const quoteChar = 0x22
const commaChar = 0x2c
const crChar = 0x0d
const lfChar = 0x0a

const stops = /["\r\n,]/g

function nextStop(text: string, from: number): number {
  stops.lastIndex = from
  return stops.test(text) ? stops.lastIndex - 1 : text.length
}

/** Writes one record with its line end. null is nothing, '' is `""`. */
export function csvLine(cells: readonly (string | null)[]): string {
  return `${cells.map((cell) => (cell === null ? '' : quoteCell(cell))).join(',')}\r\n`
}

const quoteCell = (cell: string): string =>
  cell === '' || /["\r\n,]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell

/** The cell of a value: text, instants and base64 as they are, NaN and infinities bare, the rest as JSON text. */
export function cellOf(type: FeatureType, value: Value | null): string | null {
  if (value === null) return null
  switch (type) {
    case 'string':
      return value as string
    case 'bytes':
      return base64Text(value as Uint8Array)
    case 'timestamp':
      return formatInstant(value as bigint)
    case 'float32':
      return float32Text(value as number)
    case 'float64':
      return float64Text(value as number)
    default:
      return writeValue(type, value)
  }
}

const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** Reads a cell by its type; a null cell is null. @throws BAD_VALUE with the position. */
export function parseCell(type: FeatureType, cell: string | null, at: At): Value | null {
  if (cell === null) return null
  const parts = partsOf(type)
  if (parts.kind !== 'scalar') {
    if (!cell.startsWith('[')) throw badValue(type, cell, at, 'write a JSON array')
    return parseValue(type, parseExact(cell, `the cell at ${whereOf(at)}`), at)
  }
  switch (parts.name) {
    case 'string':
      return textOf(cell, at)
    case 'bytes':
      return base64Of(cell, at)
    case 'timestamp':
      return instantOf(cell, at)
    case 'bool':
      if (cell !== 'true' && cell !== 'false') throw badValue(type, cell, at, 'write true or false')
      return cell === 'true'
    case 'int32':
    case 'int64':
      if (!jsonNumber.test(cell)) throw badValue(type, cell, at)
      return intOf(parts.name, parseExact(cell), at)
    case 'float32':
    case 'float64':
      if (jsonNumber.test(cell)) return parseValue(type, JSON.parse(cell) as unknown, at)
      return floatOf(parts.name, cell, at)
  }
}
