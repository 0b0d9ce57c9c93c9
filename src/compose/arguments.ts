import { noSpine } from '../contract/arguments.ts'
import type { CallOptions, Spine } from '../contract/store.ts'
import type { Call } from '../kernel/call.ts'
import { fail } from '../kernel/errors.ts'
import { parseDuration } from '../values/duration.ts'
import type { SpineRequest } from '../retrieve/spine.ts'

const noOptions: CallOptions = Object.freeze({})

/** The signal and deadline of a call's options. */
export function callOf(options: CallOptions | undefined): Call {
  const { signal, timeoutMs } = options ?? noOptions
  return timeoutMs === undefined ? { signal } : { signal, deadlineAtMs: Date.now() + timeoutMs }
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

/** A spine in the form that plans are given. @throws BAD_REQUEST when it is none. */
export function spineOf(spine: Spine): SpineRequest {
  if (isRows(spine)) return { kind: 'rows', rows: spine }
  if ('rows' in spine) return { kind: 'rows', rows: spine.rows }
  if ('columns' in spine) return { kind: 'columns', columns: spine.columns }
  if ('parquet' in spine) return { kind: 'file', path: spine.parquet, format: 'parquet' }
  if ('csv' in spine) return { kind: 'file', path: spine.csv, format: 'csv' }
  if ('ndjson' in spine) return { kind: 'file', path: spine.ndjson, format: 'ndjson' }
  if ('sql' in spine) return { kind: 'sql', sql: spine.sql }
  throw noSpine()
}

const isRows = (spine: Spine): spine is readonly Readonly<Record<string, unknown>>[] => Array.isArray(spine)
