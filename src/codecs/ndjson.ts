import { fail } from '../kernel/errors.ts'
import { limits } from '../kernel/limits.ts'
import type { FeatureType } from '../values/feature-type.ts'
import type { Value } from '../values/value.ts'
import { parseExact } from './exact-json.ts'
import { writeValue } from './json-value.ts'
import { textChunks } from './text-chunks.ts'

/** One line of newline-delimited JSON. */
export interface NdjsonRecord {
  /** From 1. */
  readonly line: number
  /** An object; its int64 members are exact. */
  readonly row: Readonly<Record<string, unknown>>
}

/**
 * Reads newline-delimited JSON objects as they arrive; empty lines are left out. Holds one line in memory.
 * @param where What the text is, for errors.
 * @throws BAD_REQUEST with the line: no JSON, no object, no UTF-8, a line longer than `limits.jsonBodyBytes`.
 */
export async function* readNdjson(chunks: AsyncIterable<Uint8Array>, where = 'the body'): AsyncGenerator<NdjsonRecord> {
  let rest = ''
  let line = 0
  for await (const text of textChunks(chunks, where)) {
    const lines = text.split('\n')
    const last = lines.pop() ?? ''
    for (const part of lines) {
      const record = recordOf(rest + part, ++line, where)
      rest = ''
      if (record !== undefined) yield record
    }
    rest += last
    if (rest.length > limits.jsonBodyBytes)
      throw fail('BAD_REQUEST', `Line ${line + 1} of ${where} is longer than ${limits.jsonBodyBytes} characters`, {
        at: `line ${line + 1}`,
      })
  }
  const record = recordOf(rest, line + 1, where)
  if (record !== undefined) yield record
}

function recordOf(text: string, line: number, where: string): NdjsonRecord | undefined {
  if (text.trim() === '') return undefined
  const row = parseExact(text, `line ${line} of ${where}`)
  if (typeof row !== 'object' || row === null || Array.isArray(row))
    throw fail('BAD_REQUEST', `Line ${line} of ${where} is not an object`, {
      at: `line ${line}`,
      remedy: 'Write one JSON object a line.',
    })
  return { line, row: row as Readonly<Record<string, unknown>> }
}

/** Writes one row as a line of JSON with its line end; `values[i]` is of `columns[i]`. */
export function ndjsonLine(
  columns: readonly { readonly name: string; readonly type: FeatureType }[],
  values: readonly (Value | null)[],
): string {
  return `{${columns.map((column, i) => `${JSON.stringify(column.name)}:${writeValue(column.type, values[i] ?? null)}`).join(',')}}\n`
}
