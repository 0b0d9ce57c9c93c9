import type { Draft } from './draft.ts'
import type { Finding } from './finding.ts'
import { type Checked, findingAt } from './checked.ts'

/** Finds names that are defined twice: entities and sources each on their own; views, on-demand views and services together. */
export function checkNames(checked: Checked): Finding[] {
  const first = new Map<string, Draft>()
  const findings: Finding[] = []
  for (const draft of checked.drafts) {
    const space = draft.kind === 'entity' || draft.kind === 'source' ? draft.kind : 'view'
    const key = `${space} ${draft.name}`
    const before = first.get(key)
    if (before === undefined) first.set(key, draft)
    else findings.push(duplicate(draft, before))
  }
  return findings
}

function duplicate(draft: Draft, before: Draft): Finding {
  const { at } = before.part.locate(before.path, 'key')
  const same = before.kind === draft.kind
  const detail = same
    ? `${draft.subject} is defined twice; first at ${at}`
    : `${draft.subject} has the name of the ${before.subject} at ${at}`
  const remedy = same
    ? 'Rename or remove one of the two.'
    : 'Views, on-demand views and services share one namespace: rename one of the two.'
  return findingAt(draft, [], { code: 'DUPLICATE_NAME', detail, remedy }, 'key')
}
