import { randomBytes } from 'node:crypto'
import { excerptOf, stringifyExact } from '../codecs/exact-json.ts'
import { isProvenderError } from '../kernel/errors.ts'
import type { DeadLetter, PushTo } from '../ports/dead-letters.ts'
import { formatInstant, inRange } from '../values/instant.ts'
import type { Refusal, ValueForm } from './push-row.ts'
import type { PushSchema } from './push-schema.ts'

let lastMs = 0
let countInMs = 0

/** An id that sorts, as text, after all earlier ones of this process, and by the machine's clock among those of all. */
export function deadLetterId(): string {
  const nowMs = Math.max(Date.now(), lastMs)
  countInMs = nowMs === lastMs ? countInMs + 1 : 0
  lastMs = nowMs
  return `${nowMs.toString(36).padStart(9, '0')}${countInMs.toString(36).padStart(5, '0')}${randomBytes(5).toString('hex')}`
}

/** What a push has in common for all its rows. */
export interface Sent {
  readonly schema: PushSchema
  readonly to: PushTo
  readonly form: ValueForm
  readonly now: bigint
}

/** The dead letter of a refused row. */
export function deadLetterOf(
  { schema, to, form, now }: Sent,
  row: unknown,
  { error }: Pick<Refusal, 'error'>,
): DeadLetter {
  return {
    id: deadLetterId(),
    atUs: now,
    target: schema.target,
    to,
    row: sentText(schema, row, form),
    code: error.code,
    detail: error.message,
  }
}

/** A row as it was sent, as JSON text of the wire form, so that it can be replayed. What JSON cannot say is described. */
function sentText(schema: PushSchema, row: unknown, form: ValueForm): string {
  try {
    return stringifyExact(form === 'js' ? wireRow(schema, row) : row)
  } catch (thrown) {
    if (!isProvenderError(thrown)) throw thrown
    return JSON.stringify(excerptOf(row))
  }
}

/** Microseconds become text; all other JavaScript values say by themselves what they are. */
function wireRow(schema: PushSchema, row: unknown): unknown {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) return row
  const instants = new Set([
    schema.timestamp,
    schema.created,
    ...schema.columns.filter((column) => column.type === 'timestamp').map((column) => column.name),
  ])
  const entries: [string, unknown][] = Object.entries(row)
  return Object.fromEntries(
    entries.map(([name, value]) => [
      name,
      typeof value === 'bigint' && instants.has(name) && inRange(value) ? formatInstant(value) : value,
    ]),
  )
}
