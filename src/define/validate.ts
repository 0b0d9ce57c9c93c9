import type { ProvenderError } from '../kernel/errors.ts'
import { checkNames } from './check-names.ts'
import { checkServices } from './check-services.ts'
import { checkSources } from './check-sources.ts'
import { checkViews } from './check-views.ts'
import type { Checked } from './checked.ts'
import type { Definitions } from './definition.ts'
import { assemble, type Draft, readDrafts } from './draft.ts'
import { toErrors } from './finding.ts'
import type { Part } from './place.ts'

/** Definitions, and everything that is wrong with them. They may be used only where there is no error. */
export interface Validated {
  readonly definitions: Definitions
  /** In the order of the parts and of the places within each. */
  readonly errors: readonly ProvenderError[]
}

/** Validates all parts of a repository together: each finding has its place, and none hides another. */
export function validateDefinitions(parts: readonly Part[]): Validated {
  const read = parts.map((part) => readDrafts(part))
  const drafts = read.flatMap((r) => r.drafts)
  const checked = lookUp(
    drafts,
    parts.every((part) => !part.incomplete),
  )
  const findings = [
    ...read.flatMap((r) => r.findings),
    ...checkNames(checked),
    ...checkSources(checked),
    ...checkViews(checked),
    ...checkServices(checked),
  ]
  return Object.freeze({ definitions: checked.definitions, errors: toErrors(parts, findings) })
}

function lookUp(drafts: readonly Draft[], complete: boolean): Checked {
  const byKind = Map.groupBy(drafts, (draft) => draft.kind)
  const names = new Map([...byKind].map(([kind, some]) => [kind, [...new Set(some.map((draft) => draft.name))].sort()]))
  const first = new Map(drafts.toReversed().map((draft) => [`${draft.kind} ${draft.name}`, draft]))
  return Object.freeze({
    drafts,
    definitions: assemble(drafts),
    names: (kind: Draft['kind']) => names.get(kind) ?? [],
    complete,
    draft: (kind: Draft['kind'], name: string) => first.get(`${kind} ${name}`),
  })
}
