import type { Definitions, ServiceDef } from '../define/definition.ts'
import { parseReference } from '../define/reference.ts'

/** One value that a service answers: its output name, and what it is read from. */
export interface ServiceOutput {
  readonly name: string
  readonly view: string
  readonly feature: string
  /** How the entity is found, as text; equal for equal key mappings. */
  readonly keys: string
}

/** The values that a service answers, in order. A name that the definitions lack is left out. */
export function outputsOf(definitions: Definitions, service: ServiceDef): ServiceOutput[] {
  return service.features.flatMap((text) => {
    const reference = parseReference(text)
    const features = definitions.views.get(reference.name)?.features.map((feature) => feature.name) ?? []
    const keys = JSON.stringify([...reference.keys].map((pair) => pair.join('=')).sort())
    return features
      .filter((feature) => (reference.feature ?? feature) === feature)
      .map((feature) => ({
        name: reference.alias === undefined ? feature : `${reference.alias}__${feature}`,
        view: reference.name,
        feature,
        keys,
      }))
  })
}

/** The names of services that read a view, or one of the features named; sorted. */
export function servicesReading(definitions: Definitions, view: string, features?: ReadonlySet<string>): string[] {
  return [...definitions.services.values()]
    .filter((service) =>
      outputsOf(definitions, service).some((output) => output.view === view && (features?.has(output.feature) ?? true)),
    )
    .map((service) => service.name)
    .sort()
}
