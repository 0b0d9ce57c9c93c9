import { type Call, checkCall } from '../kernel/call.ts'
import { fail } from '../kernel/errors.ts'
import { type Definitions, noDefinitions } from '../define/definition.ts'
import { fromWire } from '../define/wire.ts'
import type { Registry, RegistryVersion } from '../ports/registry.ts'

/** How many versions are kept: the head, those that generations answer by, and those that were asked for. */
const versionsKept = 64

/** Definitions by version, which are immutable. */
export interface VersionCache {
  /** @throws UNKNOWN_VERSION naming the newest one. */
  readonly definitions: (version: number, call?: Call) => Promise<Definitions>
  /** Takes a version that was read anyway. */
  keep(version: RegistryVersion): void
}

/** A cache of a registry's versions; the least recently used ones are forgotten. */
export function versionCache(registry: Registry): VersionCache {
  const kept = new Map<number, Definitions>()
  const put = (version: number, definitions: Definitions): Definitions => {
    kept.delete(version)
    kept.set(version, definitions)
    for (const oldest of kept.keys()) {
      if (kept.size <= versionsKept) break
      kept.delete(oldest)
    }
    return definitions
  }
  return Object.freeze({
    async definitions(version, call) {
      checkCall(call)
      if (version === 0) return noDefinitions
      const found = kept.get(version)
      if (found !== undefined) return put(version, found)
      const read = Number.isSafeInteger(version) && version > 0 ? await registry.read(version, call) : null
      if (read === null) throw await unknownVersion(registry, version)
      return put(version, fromWire(read.definitions))
    },
    keep: (version) => {
      if (version.version > 0 && !kept.has(version.version)) put(version.version, fromWire(version.definitions))
    },
  } satisfies VersionCache)
}

/** The error that names the newest version. */
export async function unknownVersion(registry: Registry, version: number): Promise<Error> {
  const [head] = await registry.versions(1)
  return fail('UNKNOWN_VERSION', `The registry has no version ${version}; the newest is ${head?.version ?? 0}`)
}
