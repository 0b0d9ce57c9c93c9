import type { Call } from '../kernel/call.ts'
import { formatInstant } from '../values/instant.ts'
import type { Change, VersionEntry } from '../contract/store.ts'
import { diffDefinitions } from '../decide/diff.ts'
import type { WireDefinitions } from '../define/definition.ts'
import type { Registry, RegistryVersion } from '../ports/registry.ts'
import type { Snapshots } from '../ports/snapshots.ts'
import { unknownVersion } from './version-cache.ts'

/** What history is read from. */
export interface HistoryDeps {
  readonly registry: Registry
  readonly snapshots: Snapshots
}

/** The committed versions, newest first. */
export async function versions({ registry }: HistoryDeps, limit: number, call?: Call): Promise<VersionEntry[]> {
  return (await registry.versions(limit, call)).map(entryOf)
}

/** One version with its definitions; the head unless named. @throws UNKNOWN_VERSION. */
export async function readVersion(
  { registry, snapshots }: HistoryDeps,
  version?: number,
  call?: Call,
): Promise<VersionEntry & { readonly definitions: WireDefinitions }> {
  const wanted = version ?? (await snapshots.current(call)).version
  const found = await registry.read(wanted, call)
  if (found === null) throw await unknownVersion(registry, wanted)
  return Object.freeze({ ...entryOf(found), definitions: found.definitions })
}

/** What differs between two versions, as an apply of the second on the first would have said; the second is the head unless named. @throws UNKNOWN_VERSION. */
export async function diffVersions(
  { snapshots }: HistoryDeps,
  span: { readonly from: number; readonly to?: number },
  call?: Call,
): Promise<{ from: number; to: number; changes: readonly Change[] }> {
  const to = span.to ?? (await snapshots.current(call)).version
  const [before, after] = await Promise.all([snapshots.definitions(span.from, call), snapshots.definitions(to, call)])
  return { from: span.from, to, changes: diffDefinitions(before, after) }
}

function entryOf(version: Omit<RegistryVersion, 'definitions'>): VersionEntry {
  return Object.freeze({
    version: version.version,
    parent: version.parent,
    createdAt: formatInstant(version.createdAt),
    author: version.author,
    ...(version.message === undefined ? {} : { message: version.message }),
    changes: version.changes,
  })
}
