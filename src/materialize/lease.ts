import { setTimeout as sleep } from 'node:timers/promises'
import { type Call, checkCall } from '../kernel/call.ts'
import { fail } from '../kernel/errors.ts'
import type { MaterializeDeps } from './deps.ts'

/** A lease that renews itself until it is disposed. `lost` is aborted when another process has taken it. */
export interface HeldLease extends AsyncDisposable {
  readonly name: string
  readonly token: string
  readonly lost: AbortSignal
}

/** The lease of a view: whoever holds it may run the view or turn its generations. */
const leaseName = (view: string): string => `view:${view}`

/** Takes a view's lease, waiting while a living process holds it; `waiting` is called at each look. */
export async function takeLease(
  deps: MaterializeDeps,
  view: string,
  waiting: () => Promise<void>,
  call?: Call,
): Promise<HeldLease> {
  for (;;) {
    checkCall(call)
    const held = await tryLease(deps, view, call)
    if (held !== null) return held
    await waiting()
    await sleep(deps.waits.pollMs, undefined, call?.signal === undefined ? {} : { signal: call.signal }).catch(() =>
      checkCall(call),
    )
  }
}

/** Takes a view's lease if it is free, or its owner is known dead; null if a living process holds it. */
export async function tryLease(deps: MaterializeDeps, view: string, call?: Call): Promise<HeldLease | null> {
  const name = leaseName(view)
  const taken = await deps.runLog.acquire(name, deps.owner, { forMs: deps.waits.leaseMs, dead: deps.isDead }, call)
  if (!('token' in taken)) return null
  const lost = new AbortController()
  const renewal = setInterval(() => void renew(), deps.waits.leaseMs / 3)
  renewal.unref()
  const renew = async (): Promise<void> => {
    // A renewal that cannot reach the store is tried again; the transaction that ends the attempt asks for the lease in any case.
    const ours = await deps.runLog.renew(name, taken.token, deps.waits.leaseMs).catch(() => true)
    if (!ours) lost.abort(fail('LEASE_LOST', `Another process took over the lease of ${view}`))
  }
  return {
    name,
    token: taken.token,
    lost: lost.signal,
    async [Symbol.asyncDispose]() {
      clearInterval(renewal)
      await deps.runLog.renew(name, taken.token, 0).catch(() => false)
    },
  }
}
