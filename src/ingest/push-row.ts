import { excerptOf } from '../codecs/exact-json.ts'
import { fromJs, parseKeyText } from '../codecs/from-js.ts'
import { type At, below, parseValue, pointerTo, whereOf } from '../codecs/json-value.ts'
import { tieOf } from '../codecs/tie.ts'
import { type ErrorCode, type ProvenderError, fail, isProvenderError } from '../kernel/errors.ts'
import { limits } from '../kernel/limits.ts'
import { nearest } from '../kernel/nearest.ts'
import type { LogRow } from '../ports/push-log.ts'
import { type KeyType, entityKeyBytes } from '../values/entity-key.ts'
import type { FeatureType } from '../values/feature-type.ts'
import { formatInstant } from '../values/instant.ts'
import type { Value } from '../values/value.ts'
import type { PushSchema } from './push-schema.ts'

/** How values are given: in the wire form, as JavaScript values, or (join keys only) as the text of a URL. */
export type ValueForm = 'json' | 'js' | 'text'

/** When a push came: its clock, and the created time of rows that bring none. */
export interface Arrival {
  readonly now: bigint
  readonly form: ValueForm
}

/**
 * Reads one pushed row by the schema of its target. `at` is its place in what was sent (a JSON pointer).
 * @throws UNKNOWN_COLUMN, MISSING_KEY, NULL_KEY, KEY_TOO_LONG, NULL_TIMESTAMP, FUTURE_TIME, BAD_VALUE; each names the column.
 */
function readRow(schema: PushSchema, row: unknown, arrival: Arrival, at: string): LogRow {
  if (typeof row !== 'object' || row === null || Array.isArray(row))
    throw fail('BAD_VALUE', `${excerptOf(row)} is not a row: an object with a member for each column`, { at })
  const cells = new Map<string, unknown>(Object.entries(row).filter(([, value]) => value !== undefined))
  checkNames(schema, cells, at)
  const keys = readKeys(schema.keys, cells, arrival.form, at)
  const event = readTime(schema.timestamp, cells.get(schema.timestamp), arrival, at)
  if (event === null)
    throw fail(
      'NULL_TIMESTAMP',
      `The event time "${schema.timestamp}" ${cells.has(schema.timestamp) ? 'is null' : 'is missing'}`,
      { at: pointerTo(at, schema.timestamp) },
    )
  const created =
    (schema.created === null ? null : readTime(schema.created, cells.get(schema.created), arrival, at)) ?? arrival.now
  const values = schema.columns.map(({ name, type }, i) => {
    if (i < keys.length) return keys[i] ?? null
    if (schema.target.kind === 'source' && name === schema.created) return created
    const cell = cells.get(name)
    return cell === undefined ? null : readCell(name, type, cell, { form: arrival.form, at })
  })
  return { event, created, tie: tieOf(schema.columns, values), values }
}

/**
 * Reads the join keys of one entity, in order, out of members by name.
 * @throws MISSING_KEY, NULL_KEY, KEY_TOO_LONG, BAD_VALUE.
 */
export function readKeys(
  keys: readonly { readonly name: string; readonly type: KeyType }[],
  cells: ReadonlyMap<string, unknown>,
  form: ValueForm,
  at: string,
): Value[] {
  const values = keys.map(({ name, type }) => {
    if (!cells.has(name)) throw fail('MISSING_KEY', `The join key "${name}" is missing`, { at })
    const cell = cells.get(name)
    if (cell === null || cell === undefined)
      throw fail('NULL_KEY', `The join key "${name}" is null`, { at: pointerTo(at, name) })
    const value =
      form === 'text' && typeof cell === 'string'
        ? naming(name, () => parseKeyText(type, cell, below(at, name)))
        : readCell(name, type, cell, { form, at })
    if (value === null) throw fail('NULL_KEY', `The join key "${name}" is null`, { at: pointerTo(at, name) })
    return value
  })
  const bytes = entityKeyBytes(
    keys.map((key) => key.type),
    values,
  )
  if (bytes > limits.keyBytes)
    throw fail(
      'KEY_TOO_LONG',
      `The join keys ${keys.map((key) => `"${key.name}"`).join(', ')} have ${bytes} bytes; ${limits.keyBytes} are allowed`,
      { at },
    )
  return values
}

/** @throws FUTURE_TIME for an instant that lies more than `limits.aheadUs` ahead. */
export function checkAhead(name: string, instant: bigint, now: bigint, at: At): void {
  if (instant > now + limits.aheadUs)
    throw fail(
      'FUTURE_TIME',
      `"${name}" is ${formatInstant(instant)}, more than 5 minutes ahead of ${formatInstant(now)}`,
      { at: whereOf(at) },
    )
}

function readTime(name: string, cell: unknown, arrival: Arrival, at: string): bigint | null {
  if (cell === undefined || cell === null) return null
  const instant = readCell(name, 'timestamp', cell, { form: arrival.form, at }) as bigint
  checkAhead(name, instant, arrival.now, below(at, name))
  return instant
}

function readCell(
  name: string,
  type: FeatureType,
  cell: unknown,
  { form, at }: { readonly form: ValueForm; readonly at: string },
): Value | null {
  const where = below(at, name)
  return naming(name, () => (form === 'json' ? parseValue(type, cell, where) : fromJs(type, cell, where)))
}

/** Puts the column's name before what is wrong with its value. */
function naming<T>(name: string, read: () => T): T {
  try {
    return read()
  } catch (thrown) {
    if (!isProvenderError(thrown)) throw thrown
    throw fail(thrown.code, `"${name}": ${thrown.message}`, { at: thrown.at, remedy: thrown.remedy })
  }
}

/** How many names a remedy lists. */
const listedNames = 30

function checkNames(schema: PushSchema, cells: ReadonlyMap<string, unknown>, at: string): void {
  for (const name of cells.keys()) {
    if (name === schema.timestamp || name === schema.created || schema.columns.some((column) => column.name === name))
      continue
    const foreign = schema.foreign.get(name)
    const { kind, name: target } = schema.target
    if (foreign !== undefined)
      throw fail(
        'UNKNOWN_COLUMN',
        `The column "${name}" of ${kind} "${target}" has the type ${foreign}, which cannot be pushed`,
        { at: pointerTo(at, name), remedy: 'Leave the column out.' },
      )
    const names = new Set([...schema.columns.map((column) => column.name), schema.timestamp])
    if (schema.created !== null) names.add(schema.created)
    const near = nearest(name, names)
    throw fail('UNKNOWN_COLUMN', `${kind === 'view' ? 'View' : 'Source'} "${target}" has no column "${name}"`, {
      at: pointerTo(at, name),
      remedy:
        near === undefined ? `Its columns: ${[...names].slice(0, listedNames).join(', ')}.` : `Did you mean "${near}"?`,
    })
  }
}

/** Why a row was refused. */
export interface Refusal {
  /** Its index in the push. */
  readonly row: number
  readonly error: ProvenderError
}

/** The rows of a push: the good ones, and why the others are not. */
export interface ReadRows {
  readonly good: readonly LogRow[]
  readonly refused: readonly Refusal[]
}

/** Reads all rows of a push; a bad one never blocks the others. */
export function readRows(schema: PushSchema, rows: readonly unknown[], arrival: Arrival): ReadRows {
  const good: LogRow[] = []
  const refused: Refusal[] = []
  for (const [i, row] of rows.entries()) {
    try {
      good.push(readRow(schema, row, arrival, `/rows/${i}`))
    } catch (thrown) {
      if (!isProvenderError(thrown)) throw thrown
      refused.push({ row: i, error: thrown })
    }
  }
  return { good, refused }
}

/** What an answer says of a refused row. */
export const rejectedOf = ({ row, error }: Refusal): { row: number; code: ErrorCode; detail: string } => ({
  row,
  code: error.code,
  detail: error.message,
})
