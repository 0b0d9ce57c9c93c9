import type { Status } from '../contract/store.ts'
import { type Slots, fingerprintOfRow } from '../codecs/row-reader.ts'
import { type Found, stateAt } from './online.ts'
import type { PlanForm } from './online-plan.ts'

/**
 * Reads what was found of entity `i` in a form, each value to its feature's place; what is not given is `none`. Answers the
 * statuses of its values: the plan's own list where all have one status. @throws CORRUPT_STORE; what the form throws.
 */
export function readEntity<T>(found: Found, form: PlanForm<T>, i: number, into: Slots<T>): readonly Status[] {
  const { plan, reads } = found
  let statuses: Status[] | undefined
  for (let r = 0; r < reads.length; r++) {
    const read = reads[r]
    const slots = plan.reads[r]?.slots
    if (read === undefined || slots === undefined) break
    const start = read.rows.starts[i] ?? -1
    const state = stateAt(read, start)
    const given = state === 'there' || (state === 'expired' && found.includeExpired)
    let nulls = 0
    if (given) {
      const reader = form.readers[r]?.(fingerprintOfRow(read.cursor, start))
      nulls = reader?.(read.cursor, start, read.rows.ends[i] ?? start, into) ?? 0
    } else {
      for (const slot of slots) into[slot] = form.none
    }
    if (state === 'there' && nulls === 0) continue
    if (state !== 'there' && reads.length === 1) return state === 'none' ? plan.all.NOT_FOUND : plan.all.OUTSIDE_MAX_AGE
    statuses ??= [...plan.all.PRESENT]
    for (const slot of slots) {
      if (state === 'none') statuses[slot] = 'NOT_FOUND'
      else if (state === 'expired') statuses[slot] = 'OUTSIDE_MAX_AGE'
      else if (into[slot] === form.none) statuses[slot] = 'NULL_VALUE'
    }
  }
  return statuses ?? plan.all.PRESENT
}
