import type { OnlineCounts, OnlineText, OnlineTextOptions, Status } from '../contract/store.ts'
import { type Slots, eventNumberOf } from '../codecs/row-reader.ts'
import { type WireJson, wireForm } from '../codecs/wire-form.ts'
import { formatInstant } from '../values/instant.ts'
import { type Entity, type EntityForm, keyText } from './entity-fields.ts'
import { countOf, startOf } from '../values/byte-list.ts'
import { type Found, type FoundRows, eventTimeOf, stateAt } from './online.ts'
import { type OnlinePlan, type PlanForm, planForm } from './online-plan.ts'
import { readEntity } from './read-entity.ts'

type WireRow = Record<string, WireJson>

/** What all answers of one plan have in common, written once. */
interface BatchForm extends PlanForm<WireJson> {
  /** `"features":[…],"views":[…],"rows":`, without the brace. */
  readonly head: string
  /** `"types":[…],"keyFields":[…],`, without the brace. */
  readonly types: string
}

interface OneForm extends PlanForm<WireJson> {
  /** A row of nulls. */
  readonly blank: Readonly<WireRow>
  /** What stands before the value of each field of an entity: its name, and a comma before all but the first. */
  readonly keys: readonly string[]
  /** `"statuses"` of a row whose values all have one status. */
  readonly all: ReadonlyMap<readonly Status[], string>
}

const batchForms = new WeakMap<OnlinePlan, BatchForm>()
const oneForms = new WeakMap<OnlinePlan, OneForm>()

function batchFormOf(plan: OnlinePlan): BatchForm {
  let form = batchForms.get(plan)
  if (form === undefined) {
    const keyFields = plan.keyFields.map(({ name, type }) => ({ name, type }))
    form = {
      ...planForm(plan, wireForm, 'places'),
      head: `"features":${JSON.stringify(plan.features)},"views":${JSON.stringify(plan.views)},"rows":`,
      types: `"types":${JSON.stringify(plan.types)},"keyFields":${JSON.stringify(keyFields)},`,
    }
    batchForms.set(plan, form)
  }
  return form
}

function oneFormOf(plan: OnlinePlan): OneForm {
  let form = oneForms.get(plan)
  if (form === undefined) {
    const blank: WireRow = {}
    for (const name of plan.features) blank[name] = null
    form = {
      ...planForm(plan, wireForm, 'names'),
      blank,
      keys: plan.keyFields.map(({ name }, i) => `${i === 0 ? '' : ','}${JSON.stringify(name)}:`),
      all: new Map(Object.values(plan.all).map((statuses) => [statuses, byName(plan.features, statuses)])),
    }
    oneForms.set(plan, form)
  }
  return form
}

/** A JSON object of values by name. */
const byName = (names: readonly string[], values: readonly WireJson[]): string =>
  JSON.stringify(Object.fromEntries(names.map((name, i) => [name, values[i] ?? null])))

/**
 * The JSON text of what was found, and its counts: for many entities by position, or for one by name, with the entity as it
 * was asked for. @throws CORRUPT_STORE.
 */
export function onlineText(
  found: Found,
  entities: readonly Entity[],
  { as, form = 'js', include = [] }: OnlineTextOptions,
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
    views: countsOf(found, counting),
  }
}

/** A row of the answer. */
interface BatchRow {
  readonly values: readonly WireJson[]
  statuses?: readonly Status[]
  eventTimes?: readonly (string | null)[]
}

/** `statuses` is left out of a row whose values are all PRESENT. */
function batchText(
  found: Found,
  counting: Counting,
  { times, types }: { readonly times: boolean; readonly types: boolean },
): string {
  const { plan } = found
  const form = batchFormOf(plan)
  const rows: BatchRow[] = []
  for (let i = 0; i < found.entities; i++) {
    const values: WireJson[] = []
    const statuses = readEntity(found, form, i, values as unknown as Slots<WireJson>)
    const row: BatchRow = { values }
    if (statuses === plan.all.PRESENT) counting.whole++
    else {
      count(plan, counting, statuses)
      row.statuses = statuses
    }
    if (times) row.eventTimes = timesOf(found, i)
    rows.push(row)
  }
  return `{${types ? form.types : ''}${form.head}${JSON.stringify(rows)},"registryVersion":${found.registryVersion}}`
}

function oneText(
  found: Found,
  counting: Counting,
  { entity, form: written, times }: { readonly entity: Entity; readonly form: EntityForm; readonly times: boolean },
): string {
  const { plan } = found
  const form = oneFormOf(plan)
  const row: WireRow = { ...form.blank }
  const statuses = readEntity(found, form, 0, row)
  if (statuses === plan.all.PRESENT) counting.whole++
  else count(plan, counting, statuses)
  let keys = ''
  for (let k = 0; k < plan.keyFields.length; k++) {
    const field = plan.keyFields[k]
    if (field === undefined) break
    keys += (form.keys[k] ?? '') + keyText(field.type, entity[field.name], written)
  }
  const said = form.all.get(statuses) ?? byName(plan.features, statuses)
  const told = times ? `,"eventTimes":${byName(plan.views, timesOf(found, 0))}` : ''
  return `{"entity":{${keys}},"features":${JSON.stringify(row)},"statuses":${said}${told}}`
}

/** The event time of each reading's row. */
const timesOf = ({ reads }: Found, i: number): (string | null)[] =>
  reads.map((read) => {
    const time = eventTimeOf(read, i)
    return time === null ? null : formatInstant(time)
  })

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

function countsOf({ plan, reads, nowUs }: Found, { whole, others }: Counting): readonly OnlineCounts[] {
  const now = Number(nowUs)
  return plan.reads.map(({ space, slots }, r): OnlineCounts => {
    const [read, counts] = [reads[r], others?.[r]]
    return {
      view: space.view,
      present: whole * slots.length + (counts?.PRESENT ?? 0),
      nullValue: counts?.NULL_VALUE ?? 0,
      notFound: counts?.NOT_FOUND ?? 0,
      expired: counts?.OUTSIDE_MAX_AGE ?? 0,
      ageSeconds: read === undefined ? null : ageOf(read, now),
    }
  })
}

/** How old the first row is that there is, in seconds. */
function ageOf(read: FoundRows, nowUs: number): number | null {
  for (let i = 0; i < countOf(read.rows); i++) {
    const start = startOf(read.rows, i)
    if (stateAt(read, start) === 'there') return (nowUs - eventNumberOf(read.cursor, start)) / 1e6
  }
  return null
}
