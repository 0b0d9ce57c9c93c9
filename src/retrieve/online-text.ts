import type { OnlineCounts, OnlineText, OnlineTextOptions, Status } from '../contract/store.ts'
import { type Slots, eventOfRow } from '../codecs/row-reader.ts'
import { eventTimeText, memberNames, textForm } from '../codecs/value-text.ts'
import { type Entity, type EntityForm, keyText } from './entity-fields.ts'
import { type Found, eventTimeOf, stateAt } from './online.ts'
import { type OnlinePlan, type PlanForm, planForm } from './online-plan.ts'
import { readEntity } from './read-entity.ts'

/** What all answers of one plan have in common, written once. */
interface TextForm extends PlanForm<string> {
  readonly features: readonly string[]
  readonly views: readonly string[]
  readonly keys: readonly string[]
  /** `"features":[…],"views":[…],"rows":[`, without the brace. */
  readonly head: string
  /** `"types":[…],"keyFields":[…],`, without the brace. */
  readonly types: string
  /** `"statuses"` of a row whose values all have one status. */
  readonly all: ReadonlyMap<readonly Status[], string>
}

const forms = new WeakMap<OnlinePlan, TextForm>()

function formOf(plan: OnlinePlan): TextForm {
  let form = forms.get(plan)
  if (form === undefined) {
    const features = memberNames(plan.features)
    form = {
      ...planForm(plan, textForm, 'places'),
      features,
      views: memberNames(plan.views),
      keys: memberNames(plan.keyFields.map((field) => field.name)),
      head: `"features":${JSON.stringify(plan.features)},"views":${JSON.stringify(plan.views)},"rows":[`,
      types: `"types":${JSON.stringify(plan.types)},"keyFields":${JSON.stringify(plan.keyFields.map(({ name, type }) => ({ name, type })))},`,
      all: new Map(Object.values(plan.all).map((statuses) => [statuses, statusMembers(features, statuses)])),
    }
    forms.set(plan, form)
  }
  return form
}

const statusMembers = (features: readonly string[], statuses: readonly Status[]): string =>
  features.map((name, f) => `${name}"${statuses[f] ?? 'NOT_FOUND'}"`).join(',')

/**
 * The JSON text of what was found, and its counts: for many entities by position, or for one by name, with the entity as it
 * was asked for. @throws CORRUPT_STORE.
 */
export function onlineText(
  found: Found,
  entities: readonly Entity[],
  { as, form = 'js', include = [] }: OnlineTextOptions,
  nowUs: bigint,
): OnlineText {
  const counting: Counting = { whole: 0, others: undefined }
  const times = include.includes('eventTimes')
  const text =
    as === 'one'
      ? oneText(found, counting, { entity: entities[0] ?? {}, form, times })
      : batchText(found, counting, { times, types: include.includes('types') })
  return {
    text,
    entities: found.entities,
    features: found.plan.features.length,
    views: found.reads.map((_, r) => countsOf(found, counting, r, nowUs)),
  }
}

/** `statuses` is left out of a row whose values are all PRESENT. */
function batchText(
  found: Found,
  counting: Counting,
  { times, types }: { readonly times: boolean; readonly types: boolean },
): string {
  const { plan, reads, registryVersion } = found
  const form = formOf(plan)
  const values: string[] = []
  let text = types ? `{${form.types}${form.head}` : `{${form.head}`
  for (let i = 0; i < found.entities; i++) {
    const statuses = readEntity(found, form, i, values as unknown as Slots<string>)
    text += i === 0 ? '{"values":[' : ',{"values":['
    for (let f = 0; f < form.features.length; f++) text += f === 0 ? values[f] : `,${values[f]}`
    if (statuses === plan.all.PRESENT) counting.whole++
    else {
      count(plan, counting, statuses)
      text += `],"statuses":["${statuses.join('","')}"`
    }
    text += times ? `],"eventTimes":[${reads.map((read) => eventTimeText(eventTimeOf(read, i))).join(',')}]}` : ']}'
  }
  return `${text}],"registryVersion":${registryVersion}}`
}

function oneText(
  found: Found,
  counting: Counting,
  { entity, form: written, times }: { readonly entity: Entity; readonly form: EntityForm; readonly times: boolean },
): string {
  const { plan } = found
  const form = formOf(plan)
  const values: string[] = []
  const statuses = readEntity(found, form, 0, values as unknown as Slots<string>)
  if (statuses === plan.all.PRESENT) counting.whole++
  else count(plan, counting, statuses)
  let text = '{"entity":{'
  for (let k = 0; k < plan.keyFields.length; k++) {
    const field = plan.keyFields[k]
    if (field === undefined) break
    if (k > 0) text += ','
    text += `${form.keys[k]}${keyText(field.type, entity[field.name], written)}`
  }
  text += '},"features":{'
  for (let f = 0; f < form.features.length; f++)
    text += f === 0 ? `${form.features[f]}${values[f]}` : `,${form.features[f]}${values[f]}`
  text += `},"statuses":{${form.all.get(statuses) ?? statusMembers(form.features, statuses)}}`
  if (times)
    text += `,"eventTimes":{${found.reads.map((read, r) => `${form.views[r]}${eventTimeText(eventTimeOf(read, 0))}`).join(',')}}`
  return `${text}}`
}

/** What was counted while a text was written. */
interface Counting {
  /** Entities whose values are all present, the usual kind. */
  whole: number
  /** Of the others, for each reading: how many values have each status. */
  others: Record<Status, number>[] | undefined
}

function count(plan: OnlinePlan, counting: Counting, statuses: readonly Status[]): void {
  counting.others ??= plan.reads.map(() => ({ PRESENT: 0, NULL_VALUE: 0, NOT_FOUND: 0, OUTSIDE_MAX_AGE: 0 }))
  for (const [r, { slots }] of plan.reads.entries()) {
    const counts = counting.others[r]
    if (counts !== undefined) for (const slot of slots) counts[statuses[slot] ?? 'NOT_FOUND']++
  }
}

function countsOf({ plan, reads }: Found, { whole, others }: Counting, r: number, nowUs: bigint): OnlineCounts {
  const { space, slots } = plan.reads[r] ?? { space: { view: '' }, slots: [] }
  const counts = others?.[r]
  const read = reads[r]
  const first = read?.rows.starts.find((start) => stateAt(read, start) === 'there')
  return {
    view: space.view,
    present: whole * slots.length + (counts?.PRESENT ?? 0),
    nullValue: counts?.NULL_VALUE ?? 0,
    notFound: counts?.NOT_FOUND ?? 0,
    expired: counts?.OUTSIDE_MAX_AGE ?? 0,
    ageSeconds: read === undefined || first === undefined ? null : Number(nowUs - eventOfRow(read.cursor, first)) / 1e6,
  }
}
