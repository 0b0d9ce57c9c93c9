import type { Status } from '../contract/store.ts'
import { type Slots, fingerprintOfRow } from '../codecs/row-reader.ts'
import { endOf, startOf } from '../values/byte-list.ts'
import { type Found, stateAt } from './online.ts'
import type { PlanForm } from './online-plan.ts'

/**
 * Reads what was found of entity `i` in a form, each value to its slot; what is not given is `none`. Answers the statuses of
 * its values, by place: the plan's own list where all have one status. @throws CORRUPT_STORE; what the form throws.
 */
export function readEntity<T>(found: Found, form: PlanForm<T>, i: number, into: Slots<T>): readonly Status[] {
  const { plan, reads } = found
  let statuses: Status[] | undefined
  for (let r = 0; r < reads.length; r++) {
    const [read, slots] = [reads[r], form.slots[r]]
    if (read === undefined || slots === undefined) break
    const start = startOf(read.rows, i)
    const state = stateAt(read, start)
    let nulls = 0
    if (state === 'there' || (state === 'expired' && found.includeExpired)) {
      const reader = form.readers[r]?.(fingerprintOfRow(read.cursor, start))
      nulls = reader?.(read.cursor, start, endOf(read.rows, i), into) ?? 0
    } else {
      for (const slot of slots) into[slot] = form.none
    }
    if (state === 'there' && nulls === 0) continue
    if (state !== 'there' && reads.length === 1) return state === 'none' ? plan.all.NOT_FOUND : plan.all.OUTSIDE_MAX_AGE
    statuses ??= [...plan.all.PRESENT]
    for (const [k, place] of (plan.reads[r]?.slots ?? []).entries()) {
      if (state === 'none') statuses[place] = 'NOT_FOUND'
      else if (state === 'expired') statuses[place] = 'OUTSIDE_MAX_AGE'
      else if (into[slots[k] ?? ''] === form.none) statuses[place] = 'NULL_VALUE'
    }
  }
  return statuses ?? plan.all.PRESENT
}
