import type { Call } from '../kernel/call.ts'

/** Who holds a lease: enough to know another process dead. */
export interface Owner {
  readonly host: string
  readonly boot: string
  readonly pid: number
  /** Start of the process in clock ticks since boot, or any text that two processes of one pid do not share. */
  readonly startedAt: string
}

/** Leases by name: one holder at a time, until it lets go, its time ends, or it is known dead. */
export interface Leases {
  /**
   * Takes a lease when it is free, ended, or its owner is one of `dead`; answers the token (unique), or the owner that holds it.
   * Lease time is the machine's own, not the domain clock's.
   */
  acquire(
    name: string,
    owner: Owner,
    options: { readonly forMs: number; readonly dead: (owner: Owner) => boolean },
    call?: Call,
  ): Promise<{ token: string } | { heldBy: Owner; untilMs: number }>
  /** Renews (`forMs` > 0) or releases (0) a lease that is still ours (nobody has taken it since, ended or not); answers whether it was. */
  renew(name: string, token: string, forMs: number, call?: Call): Promise<boolean>
}
