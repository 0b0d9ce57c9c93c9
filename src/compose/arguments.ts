import type { CallOptions, InstantLike, Named, Spine } from '../contract/store.ts'
import type { Call } from '../kernel/call.ts'
import { fail } from '../kernel/errors.ts'
import { parseDuration } from '../values/duration.ts'
import { fromDate, inRange, parseInstant } from '../values/instant.ts'
import type { SpineRequest } from '../retrieve/spine.ts'

/** The signal and deadline of a call's options. */
export function callOf(options: CallOptions | undefined): Call {
  return {
    ...(options?.signal === undefined ? {} : { signal: options.signal }),
    ...(options?.timeoutMs === undefined ? {} : { deadlineAtMs: Date.now() + options.timeoutMs }),
  }
}

/** An instant in any of the forms that people give. @throws BAD_VALUE naming the argument. */
export function instantOf(value: InstantLike, name: string): bigint {
  const instant = typeof value === 'bigint' ? value : value instanceof Date ? fromDate(value) : parseInstant(value)
  if (instant === undefined || !inRange(instant)) {
    throw fail('BAD_VALUE', `${name}: ${typeof value === 'string' ? `"${value}"` : String(value)} is not an instant`, {
      at: `/${name}`,
      remedy: 'Write RFC 3339, for example 2026-01-01T10:00:00Z.',
    })
  }
  return instant
}

/** A duration in microseconds. @throws BAD_VALUE naming the argument. */
export function durationOf(text: string, name: string): bigint {
  const us = parseDuration(text)
  if (us === undefined)
    throw fail('BAD_VALUE', `${name}: "${text}" is not a duration`, {
      at: `/${name}`,
      remedy: 'Write 90s, 5m, 3h, 2d or 4w.',
    })
  return us
}

/** The name or reference text of what is named; the name of an alias or a single feature is its reference. */
export const textOf = (named: Named): string => (typeof named === 'string' ? named : named.name)

/** Several names as texts; one stands for a list of one. */
export const textsOf = (named: Named | readonly Named[]): string[] =>
  isList(named) ? named.map(textOf) : [textOf(named)]

/** A spine in the form that plans are given. @throws BAD_REQUEST when it is none. */
export function spineOf(spine: Spine): SpineRequest {
  if (isRows(spine)) return { kind: 'rows', rows: spine }
  if ('rows' in spine) return { kind: 'rows', rows: spine.rows }
  if ('columns' in spine) return { kind: 'columns', columns: spine.columns }
  if ('parquet' in spine) return { kind: 'file', path: spine.parquet, format: 'parquet' }
  if ('csv' in spine) return { kind: 'file', path: spine.csv, format: 'csv' }
  if ('ndjson' in spine) return { kind: 'file', path: spine.ndjson, format: 'ndjson' }
  if ('sql' in spine) return { kind: 'sql', sql: spine.sql }
  throw fail('BAD_REQUEST', 'The spine is neither rows, columns, a file nor SQL', {
    at: '/spine',
    remedy: 'Give { rows }, { columns }, { parquet }, { csv }, { ndjson } or { sql }.',
  })
}

const isList = (named: Named | readonly Named[]): named is readonly Named[] => Array.isArray(named)

const isRows = (spine: Spine): spine is readonly Readonly<Record<string, unknown>>[] => Array.isArray(spine)
