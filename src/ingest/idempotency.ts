import { createHash } from 'node:crypto'
import { stringifyExact } from '../codecs/exact-json.ts'
import type { PushAnswer } from '../contract/store.ts'
import { type Problem, type ProvenderError, fail } from '../kernel/errors.ts'
import type { PushTo } from '../ports/dead-letters.ts'
import type { IdempotencyRecord } from '../ports/push-log.ts'
import type { LogTarget } from '../query/relation.ts'

/** Characters of an idempotency key. */
const idempotencyKeyChars = 255

/** What a retry is answered: the first answer or refusal, and the registry version that its rows were read by. */
export interface FirstAnswer {
  readonly version: number
  readonly answer?: PushAnswer
  readonly problem?: Problem
}

/** Checks a key. @throws BAD_REQUEST. */
export function checkKey(key: string | undefined): void {
  if (key === undefined || (key.length > 0 && key.length <= idempotencyKeyChars)) return
  throw fail(
    'BAD_REQUEST',
    `An idempotency key has 1 to ${idempotencyKeyChars} characters; this one has ${key.length}`,
    { at: 'idempotency-key' },
  )
}

/** A hash of all that must be the same when a push is repeated. */
export function bodyHash(target: LogTarget, to: PushTo, rows: readonly unknown[]): string {
  const hash = createHash('sha256').update(`${target.kind} ${target.name} ${to}\n`)
  for (const row of rows) hash.update(stringifyExact(row)).update('\n')
  return hash.digest('hex')
}

/** What the first push of a key was answered. @throws IDEMPOTENCY_MISMATCH where its body was another. */
export function firstAnswer(earlier: IdempotencyRecord, hash: string): FirstAnswer {
  if (earlier.bodyHash !== hash)
    throw fail('IDEMPOTENCY_MISMATCH', `The idempotency key "${earlier.key}" was used for another push`)
  return JSON.parse(earlier.answer) as FirstAnswer
}

/** The error that a problem was written from. */
export function errorOf(problem: Problem): ProvenderError {
  return fail(problem.code, problem.detail, {
    at: problem.at,
    remedy: problem.remedy,
    errors: problem.errors?.map(errorOf) ?? [],
  })
}
