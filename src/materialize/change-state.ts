import type { Call } from '../kernel/call.ts'
import { fail } from '../kernel/errors.ts'
import type { ViewState } from '../ports/run-log.ts'
import type { MaterializeDeps } from './deps.ts'

/** How often a change is made again because somebody else's came between. */
const changeTries = 50

/**
 * Changes a view's state by compare-and-swap: `change` is asked again with the newer state each time that it moved, and
 * answers null to leave it as it is. Held under a lease where one is given.
 * @returns whether something was written. @throws LEASE_LOST.
 */
export async function changeState(
  deps: MaterializeDeps,
  view: string,
  change: (state: ViewState) => ViewState | null,
  held: { lease?: { readonly name: string; readonly token: string }; call?: Call },
): Promise<boolean> {
  for (let i = 0; i < changeTries; i++) {
    const { version, value } = await deps.runLog.readState(view, held.call)
    const at = deps.clock.now()
    const next = value === null ? null : change(value)
    if (next === null) return false
    const written = await deps.runLog.writeState(
      view,
      { expect: version, value: next, at, ...(held.lease === undefined ? {} : { lease: held.lease }) },
      held.call,
    )
    if (written.kind === 'done') return true
    if (written.kind === 'conflict' && written.head === -1)
      throw fail('LEASE_LOST', `Another process took over the lease of ${view}`)
  }
  throw fail('REGISTRY_CONFLICT', `The view ${view} changed ${changeTries} times while its state was written`)
}
