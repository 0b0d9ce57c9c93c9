import type { Call } from '../kernel/call.ts'
import type { LogTarget } from '../query/relation.ts'

/** Where pushed rows go. */
export type PushTo = 'both' | 'online' | 'offline'

/** A row that was refused. */
export interface DeadLetter {
  /** Unique, and made so that ids sort as texts (by UTF-16 units) in the order in which the rows were refused. */
  readonly id: string
  readonly atUs: bigint
  readonly target: LogTarget
  readonly to: PushTo
  /** As it was sent: JSON text. */
  readonly row: string
  readonly code: string
  readonly detail: string
}

/** The refused rows that a push log keeps: appended and taken off the list by its records. */
export interface DeadLetters {
  /** Dead letters that are still listed, by id, so oldest first. `after` is the id of the last one seen, whether it is still listed or not; `target` a name of either kind. */
  deadLetters(
    query: {
      readonly target?: string
      readonly ids?: readonly string[]
      readonly after?: string
      readonly limit: number
    },
    call?: Call,
  ): Promise<DeadLetter[]>
}
