import { type ErrorCode, type ProvenderError, fail, isErrorCode } from '../kernel/errors.ts'
import { fromDate, inRange, parseInstant } from '../values/instant.ts'
import type { InstantLike, Named, Run } from './store.ts'

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

/** The name or reference text of what is named; the name of an alias or a single feature is its reference. */
export const textOf = (named: Named): string => (typeof named === 'string' ? named : named.name)

/** Several names as texts; one stands for a list of one. */
export const textsOf = (named: Named | readonly Named[]): string[] =>
  isList(named) ? named.map(textOf) : [textOf(named)]

const isList = (named: Named | readonly Named[]): named is readonly Named[] => Array.isArray(named)

/** What a run that did not succeed throws to who waited for it. */
export function failureOf(
  run: Pick<Run, 'id' | 'view' | 'state'> & {
    readonly error?: { readonly code: string; readonly detail: string } | null
  },
): ProvenderError {
  const { error } = run
  const code: ErrorCode = error !== null && error !== undefined && isErrorCode(error.code) ? error.code : 'INTERNAL'
  return fail(
    code,
    `The run ${run.id} of ${run.view} ${run.state === 'cancelled' ? 'was cancelled' : 'failed'}: ${error?.detail ?? 'no reason is recorded'}`,
  )
}

/** The error for what is no spine. */
export const noSpine = (): ProvenderError =>
  fail('BAD_REQUEST', 'The spine is neither rows, columns, a file nor SQL', {
    at: '/spine',
    remedy: 'Give { rows }, { columns }, { parquet }, { csv }, { ndjson } or { sql }.',
  })
