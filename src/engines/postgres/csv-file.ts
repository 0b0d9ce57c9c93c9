import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Readable } from 'node:stream'
import { type FeatureType, partsOf } from '../../values/feature-type.ts'

/** A folder for one query's files; it goes with its disposal. */
export async function openScratch(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'provender-query-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** Writes the answer of a COPY as a CSV file with a header: PostgreSQL's own would cut long names. */
export async function writeCsv(path: string, names: readonly string[], rows: Readable): Promise<void> {
  const file = createWriteStream(path)
  file.write(`${names.map((name) => `"${name.replaceAll('"', '""')}"`).join(',')}\n`)
  await pipeline(rows, file)
}

const base64 = (sql: string): string => String.raw`translate(encode(${sql}, 'base64'), E'\n', '')`
const iso = (sql: string): string => `to_char(${sql} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`

/** SQL whose text is a cell of our CSV: the wire form of the type. */
export function cellOf(sql: string, type: FeatureType): string {
  const parts = partsOf(type)
  if (parts.kind === 'vector') return `to_json(${sql})::text`
  if (parts.kind === 'list') {
    if (parts.item !== 'bytes' && parts.item !== 'timestamp') return `to_json(${sql})::text`
    const item = parts.item === 'bytes' ? base64('_x') : iso('_x')
    return `CASE WHEN ${sql} IS NOT NULL THEN to_json(ARRAY(SELECT ${item} FROM unnest(${sql}) WITH ORDINALITY AS _u (_x, _n) ORDER BY _n))::text END`
  }
  switch (parts.name) {
    case 'bool':
      return `(${sql})::text`
    case 'bytes':
      return base64(sql)
    case 'timestamp':
      return iso(sql)
    default:
      return sql
  }
}
