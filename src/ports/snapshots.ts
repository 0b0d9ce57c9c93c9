import type { Call } from '../kernel/call.ts'
import type { Definitions } from '../define/definition.ts'
import type { Snapshot } from '../decide/snapshot.ts'

/** How old a snapshot may be, in milliseconds: what the waits around a switch are computed from. */
export const snapshotMaxAgeMs = 2000

/** The registry as this process sees it. */
export interface Snapshots {
  /** A snapshot at most `snapshotMaxAgeMs` old; usually without any I/O, and then at once, also what it throws. Its own process's writes are seen at once. */
  current(call?: Call): Snapshot | Promise<Snapshot>
  /** As `current`; the last that was seen where the registry cannot be read, or not soon: for reads, which go on without it. */
  lastSeen(call?: Call): Snapshot | Promise<Snapshot>
  /** A snapshot read after the call began. */
  fresh(call?: Call): Promise<Snapshot>
  /** The definitions of one version; cached, since versions are immutable. @throws UNKNOWN_VERSION. */
  definitions(version: number, call?: Call): Promise<Definitions>
}
