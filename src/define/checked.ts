import type { Definition, Definitions } from './definition.ts'
import type { Draft } from './draft.ts'
import type { Finding } from './finding.ts'
import { type Path, type Spot, valueAt } from './place.ts'

/** What the checks across definitions look at. */
export interface Checked {
  readonly drafts: readonly Draft[]
  readonly definitions: Definitions
  /** Every name of a kind, of definitions with a wrong shape too. */
  readonly names: (kind: Definition['kind']) => readonly string[]
  /** False where a part could not be read: what seems to be missing may stand in it. */
  readonly complete: boolean
  /** The first draft of that kind and name. */
  readonly draft: (kind: Definition['kind'], name: string) => Draft | undefined
}

/** A finding at a field of a draft. */
export function findingAt(
  draft: Draft,
  at: Path,
  said: Pick<Finding, 'code' | 'detail' | 'remedy' | 'hint'>,
  spot: Spot = 'value',
): Finding {
  return { part: draft.part, path: [...draft.path, ...at], spot, ...said }
}

/** Where the texts of a list of a draft stand. A field that is one text in place of a list is its own only place. */
export function listPlaces(draft: Draft, field: string): readonly Path[] {
  const written = valueAt(draft.part.data, [...draft.path, field])
  if (!Array.isArray(written)) return [[field]]
  return written.flatMap((text: unknown, i) => (typeof text === 'string' ? [[field, i]] : []))
}
