import type { Definitions } from '../define/definition.ts'
import { type JoinKey, type ResolvedFeature, type ResolvedView, resolveView } from '../define/resolved-view.ts'
import { type Reference, parseReference } from '../define/reference.ts'
import type { KeyType } from '../values/entity-key.ts'
import { type ErrorFacts, type ProvenderError, fail } from '../kernel/errors.ts'
import { nearest } from '../kernel/nearest.ts'
import { checkOutputs, keyFieldsOf } from './names.ts'

/** What references are looked up in: the views of the registry's head for history, those that serve for online reads. */
export interface Catalog {
  readonly definitions: Definitions
  /** The view that answers, and what newer forms of it do not answer yet. Throws where there is none, with the facts. */
  lookUp(name: string, facts: ErrorFacts): { readonly view: ResolvedView; readonly newer: readonly ResolvedView[] }
}

/** One feature of an answer. */
export interface Output {
  /** The feature's name, `view__feature` under full names, `alias__feature` of an alias. */
  readonly name: string
  readonly feature: ResolvedFeature
  /** Which of the uses it belongs to. */
  readonly use: number
}

/** One reading of one view: which features, and from which fields of an entity (columns of a spine) its keys come. */
export interface Use {
  readonly view: ResolvedView
  /** The alias, or the view's name. */
  readonly label: string
  readonly aliased: boolean
  /** The field for each of the view's join keys, in their order. */
  readonly fields: readonly string[]
  /** Indexes of its outputs, ascending. */
  readonly outputs: readonly number[]
}

/** A field of an entity that holds a join key. */
export interface KeyField {
  readonly name: string
  readonly type: KeyType
  /** The label of a use that reads it. */
  readonly label: string
}

/** References taken apart, looked up and checked. */
export interface Compiled {
  /** In reference order, services and whole views spread out. */
  readonly outputs: readonly Output[]
  /** In order of first use. */
  readonly uses: readonly Use[]
  readonly keyFields: readonly KeyField[]
}

/** The views as the registry's definitions have them. */
export function headCatalog(definitions: Definitions): Catalog {
  const resolved = new Map<string, ResolvedView>()
  return {
    definitions,
    lookUp(name, facts) {
      const found = definitions.views.get(name)
      if (found === undefined) throw unknownView(definitions, name, facts)
      const view = resolved.get(name) ?? resolveView(definitions, found)
      resolved.set(name, view)
      return { view, newer: [] }
    },
  }
}

/**
 * Compiles feature references, in order.
 * @throws BAD_REQUEST, UNKNOWN_NAME (with the nearest right name), UNSUPPORTED, NAME_COLLISION naming both, NOT_MATERIALIZED, NOT_ONLINE.
 */
export function compileReferences(
  catalog: Catalog,
  references: readonly string[],
  options: { readonly fullNames: boolean },
): Compiled {
  if (references.length === 0)
    throw fail('BAD_REQUEST', 'No features are named', {
      at: '/features',
      remedy: 'Name a view, a feature (view:feature) or a service.',
    })
  const uses: {
    view: ResolvedView
    label: string
    aliased: boolean
    fields: string[]
    outputs: number[]
    meaning: string
    text: string
  }[] = []
  const outputs: Output[] = []
  const texts: string[] = []
  for (const { reference, facts } of spread(catalog.definitions, references)) {
    const { view, newer } = catalog.lookUp(reference.name, facts)
    const fields = fieldsOf(reference, view, { newer, facts })
    const label = reference.alias ?? view.name
    const meaning = JSON.stringify([view.name, reference.alias ?? null, fields])
    let use = uses.findIndex((u) => u.label === label)
    const before = uses[use]
    if (before === undefined)
      use =
        uses.push({
          view,
          label,
          aliased: reference.alias !== undefined,
          fields,
          outputs: [],
          meaning,
          text: reference.text,
        }) - 1
    else if (before.meaning !== meaning)
      throw fail('NAME_COLLISION', `"${label}" stands for two readings: "${before.text}" and "${reference.text}"`, {
        ...facts,
        remedy: 'Give each its own alias: view@alias.',
      })
    for (const feature of featuresOf(reference, view, { newer, facts })) {
      uses[use]?.outputs.push(outputs.length)
      const full = reference.alias !== undefined || options.fullNames
      outputs.push(Object.freeze({ name: full ? `${label}__${feature.name}` : feature.name, feature, use }))
      texts.push(reference.text)
    }
  }
  const keyFields = keyFieldsOf(uses)
  checkOutputs(outputs, { texts, keyFields, fullNames: options.fullNames })
  return Object.freeze({
    outputs: Object.freeze(outputs),
    uses: Object.freeze(
      uses.map(({ view, label, aliased, fields, outputs: indexes }) =>
        Object.freeze({ view, label, aliased, fields, outputs: indexes }),
      ),
    ),
    keyFields,
  })
}

interface Placed {
  readonly reference: Reference
  readonly facts: ErrorFacts
}

/** References with services put in the place of their names. A service lists views and features only. */
function spread(definitions: Definitions, references: readonly string[]): Placed[] {
  return references.flatMap((text, i) => {
    const facts: ErrorFacts = { at: `/features/${i}` }
    const reference = parsed(text, facts)
    const service = definitions.services.get(reference.name)
    if (service === undefined) return [{ reference, facts }]
    if (reference.feature !== undefined || reference.alias !== undefined)
      throw fail(
        'BAD_REQUEST',
        `"${text}": ${reference.name} is a service, which has no ${reference.feature === undefined ? 'alias' : 'features of its own'}`,
        { ...facts, remedy: `Name the service alone, or what it lists: ${service.features.join(', ')}.` },
      )
    return service.features.map((listed) => ({ reference: parsed(listed, facts), facts }))
  })
}

function parsed(text: string, facts: ErrorFacts): Reference {
  if (typeof text !== 'string') throw fail('BAD_REQUEST', 'A feature reference is text', facts)
  return parseReference(text, facts.at)
}

interface Around {
  readonly newer: readonly ResolvedView[]
  readonly facts: ErrorFacts
}

function featuresOf(reference: Reference, view: ResolvedView, { newer, facts }: Around): readonly ResolvedFeature[] {
  const { feature } = reference
  if (feature === undefined) return view.features
  const found = view.features.filter((f) => f.name === feature)
  if (found.length > 0) return found
  if (newer.some((v) => v.features.some((f) => f.name === feature)))
    throw notMaterialized(`The feature ${view.name}:${feature}`, view.name, facts)
  const near = nearest(
    feature,
    view.features.map((f) => f.name),
  )
  throw fail('UNKNOWN_NAME', `The view ${view.name} has no feature "${feature}"`, {
    ...facts,
    remedy:
      near === undefined
        ? `It has ${view.features.map((f) => f.name).join(', ')}.`
        : `Did you mean ${view.name}:${near}?`,
  })
}

function fieldsOf(reference: Reference, view: ResolvedView, { newer, facts }: Around): string[] {
  const names = (keys: readonly JoinKey[]): string[] => keys.map((k) => k.name)
  for (const key of reference.keys.keys()) {
    if (names(view.joinKeys).includes(key)) continue
    if (newer.some((v) => names(v.joinKeys).includes(key)))
      throw notMaterialized(`The join key ${key} of ${view.name}`, view.name, facts)
    const near = nearest(key, names(view.joinKeys))
    throw fail(
      'BAD_REQUEST',
      `"${reference.text}" maps the join key "${key}", which the view ${view.name} does not have`,
      {
        ...facts,
        remedy:
          near === undefined ? `Its join keys: ${names(view.joinKeys).join(', ') || 'none'}.` : `Did you mean ${near}?`,
      },
    )
  }
  return view.joinKeys.map((k) => reference.keys.get(k.name) ?? k.name)
}

const notMaterialized = (what: string, view: string, facts: ErrorFacts): ProvenderError =>
  fail('NOT_MATERIALIZED', `${what} is defined but not served yet`, {
    ...facts,
    remedy: `Run provender materialize ${view}, or wait for the run to end.`,
  })

/** Why a name is no view that can be read. */
export function unknownView(definitions: Definitions, name: string, facts: ErrorFacts): ProvenderError {
  if (definitions.onDemand.has(name))
    return fail('UNSUPPORTED', `${name} is an on-demand view; these cannot be read yet`, facts)
  const near = nearest(name, [...definitions.views.keys(), ...definitions.services.keys()])
  return fail(
    'UNKNOWN_NAME',
    `There is no view or service "${name}"`,
    near === undefined ? facts : { ...facts, remedy: `Did you mean ${near}?` },
  )
}
