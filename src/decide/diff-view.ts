import type { ViewDef } from '../define/definition.ts'
import { resolveView, type ResolvedView } from '../define/resolved-view.ts'
import { outcomeText, readersText, sentence } from './consequence.ts'
import type { Compared, Difference, Meaning } from './diff.ts'
import type { Outcome } from './generations-after.ts'
import { servicesReading } from './service-outputs.ts'
import { addedFeatures, meaningChanges, storedEffect } from './view-change.ts'

/** What a difference of one view means: for what is stored, and for the services that read it. */
export function viewChange(compared: Compared, { name, from, to }: Difference<ViewDef>): Meaning {
  const before = from === undefined ? null : resolveView(compared.before, from)
  const after = to === undefined ? null : resolveView(compared.after, to)
  const outcome = compared.outcomes?.get(name) ?? outcomeByDefinition(before, after)
  const both = before !== null && after !== null
  const text = outcomeText(outcome, {
    backfill: compared.backfills?.get(name),
    because: both ? meaningChanges(before, after) : [],
    added: both ? addedFeatures(before, after) : [],
  })
  const broken = before === null ? [] : servicesBroken(compared, before, after)
  const breaking = broken.length > 0
  const readers = breaking ? broken : servicesReading(compared.before, name)
  const subject = before === null ? 'a new view: ' : ''
  return { breaking, consequence: sentence(subject + text) + readersText(readers, breaking) }
}

/** What becomes of the generations if the older definition is the one that serves. */
function outcomeByDefinition(before: ResolvedView | null, after: ResolvedView | null): Outcome {
  const was = before?.view.online === true
  if (after === null) return 'removed'
  if (!after.view.online) return was ? 'withdrawn' : 'none'
  return before === null || !was ? 'born' : storedEffect(before, after)
}

/** The services that lose something, or get something else than they did. */
function servicesBroken({ before }: Compared, from: ResolvedView, to: ResolvedView | null): string[] {
  if (to === null || (from.view.online && !to.view.online)) return servicesReading(before, from.name)
  const whole = from.origin !== to.origin || JSON.stringify(from.joinKeys) !== JSON.stringify(to.joinKeys)
  if (whole) return servicesReading(before, from.name)
  const changed = from.features.filter((feature) => {
    const now = to.features.find((each) => each.name === feature.name)
    return now?.type !== feature.type || now.meaning !== feature.meaning
  })
  return servicesReading(before, from.name, new Set(changed.map((feature) => feature.name)))
}
