import type { OnlineRows, Status } from '../contract/store.ts'
import { parseKeyText } from '../codecs/from-js.ts'
import type { KeyType } from '../values/entity-key.ts'
import type { Value } from '../values/value.ts'
import { type ValueWriter, eventTimeText, memberNames, writerOf } from './value-text.ts'

/** What all answers of one plan have in common, written once. */
interface Form {
  readonly writers: readonly ValueWriter[]
  readonly features: readonly string[]
  readonly views: readonly string[]
  /** `"features":[…],"views":[…],"rows":[`, without the brace. */
  readonly head: string
  /** `"types":[…],"keyFields":[…]` */
  readonly types: string
  /** `"statuses"` of a row whose values are all present. */
  readonly allPresent: string
}

/** The lists of a plan are the same objects for as long as the plan is. */
const forms = new WeakMap<readonly string[], Form>()

function formOf(rows: OnlineRows): Form {
  let form = forms.get(rows.features)
  if (form === undefined) {
    const features = memberNames(rows.features)
    form = {
      writers: rows.types.map(writerOf),
      features,
      views: memberNames(rows.views),
      head: `"features":${JSON.stringify(rows.features)},"views":${JSON.stringify(rows.views)},"rows":[`,
      types: `"types":${JSON.stringify(rows.types)},"keyFields":${JSON.stringify(rows.keyFields.map(({ name, type }) => ({ name, type })))}`,
      allPresent: features.map((name) => `${name}"PRESENT"`).join(','),
    }
    forms.set(rows.features, form)
  }
  return form
}

/** What an answer may say beside values and statuses. */
export interface Included {
  readonly times?: boolean | undefined
  /** The types of features and of the fields of an entity. */
  readonly types?: boolean | undefined
}

/** The answer of `POST /v1/online`. `statuses` is left out of a row whose values are all PRESENT. */
export function batchText(rows: OnlineRows, { times = false, types = false }: Included): string {
  const form = formOf(rows)
  let text = types ? `{${form.types},${form.head}` : `{${form.head}`
  // Most rows share one list of statuses; it is looked through once.
  let allPresent: readonly Status[] | undefined
  for (let i = 0; i < rows.exact.length; i++) {
    const statuses = rows.statuses[i] ?? []
    text += i === 0 ? '{"values":[' : ',{"values":['
    text += valuesText(form, rows.exact[i] as readonly (Value | null)[])
    if (statuses !== allPresent) {
      if (statuses.every((status) => status === 'PRESENT')) allPresent = statuses
      else text += `],"statuses":["${statuses.join('","')}"`
    }
    text += times ? `],"eventTimes":[${(rows.eventTimes[i] ?? []).map(eventTimeText).join(',')}]}` : ']}'
  }
  return `${text}],"registryVersion":${rows.registryVersion}}`
}

function valuesText({ writers }: Form, values: readonly (Value | null)[]): string {
  let text = ''
  for (let f = 0; f < writers.length; f++) {
    const value = values[f] ?? null
    if (f > 0) text += ','
    text += value === null ? 'null' : (writers[f]?.(value) ?? 'null')
  }
  return text
}

/** The answer of `GET /v1/online/…`: the entity by its types, values and statuses by name. */
export function oneText(rows: OnlineRows, keys: Readonly<Record<string, string>>, withTimes: boolean): string {
  const form = formOf(rows)
  const values = rows.exact[0] ?? []
  const statuses = rows.statuses[0] ?? []
  const entity = rows.keyFields.map(
    ({ name, type }) =>
      `${JSON.stringify(name)}:${writerOf(type)(parseKeyText(type as KeyType, keys[name] ?? '', name))}`,
  )
  const said = statuses.every((status) => status === 'PRESENT')
    ? form.allPresent
    : form.features.map((name, f) => `${name}"${statuses[f] ?? 'NOT_FOUND'}"`).join(',')
  const times = withTimes
    ? `,"eventTimes":{${form.views.map((name, v) => `${name}${eventTimeText(rows.eventTimes[0]?.[v])}`).join(',')}}`
    : ''
  return `{"entity":{${entity.join(',')}},"features":{${form.features.map((name, f) => `${name}${form.writers[f]?.((values[f] ?? null) as Value | null) ?? 'null'}`).join(',')}},"statuses":{${said}}${times}}`
}
