import { fail } from '../kernel/errors.ts'
import type { KeyField, Output, Use } from './catalog.ts'

/**
 * The fields that hold join keys, each once, in order of use.
 * @throws NAME_COLLISION where two uses read one field as different types, or under names that differ only in case.
 */
export function keyFieldsOf(uses: readonly Pick<Use, 'view' | 'label' | 'fields'>[]): readonly KeyField[] {
  const fields = new Map<string, KeyField>()
  for (const { view, label, fields: names } of uses) {
    for (const [i, { type }] of view.joinKeys.entries()) {
      const name = names[i] ?? ''
      const before = fields.get(name.toLowerCase())
      if (before === undefined) fields.set(name.toLowerCase(), Object.freeze({ name, type, label }))
      else if (before.name !== name)
        throw collision(
          `The key fields "${before.name}" of ${before.label} and "${name}" of ${label} differ only in case`,
        )
      else if (before.type !== type)
        throw collision(
          `The key field "${name}" is ${before.type} for ${before.label} and ${type} for ${label}`,
          'Map one of the keys to a field of its own: view@alias(join_key=field).',
        )
    }
  }
  return Object.freeze([...fields.values()])
}

interface Names {
  /** The reference that each output comes from. */
  readonly texts: readonly string[]
  readonly keyFields: readonly KeyField[]
  readonly fullNames: boolean
}

/** Demands that outputs differ, without regard to case, from each other and from the key fields. @throws NAME_COLLISION naming both. */
export function checkOutputs(outputs: readonly Output[], { texts, keyFields, fullNames }: Names): void {
  const taken = new Map(
    keyFields.map((field) => [field.name.toLowerCase(), `the join key "${field.name}" of ${field.label}`]),
  )
  for (const [i, { name, feature }] of outputs.entries()) {
    const text = texts[i] ?? ''
    const what = text.includes(':') ? `"${text}"` : `"${feature.name}" of "${text}"`
    const before = taken.get(name.toLowerCase())
    if (before !== undefined)
      throw collision(
        `The output "${name}" of ${what} is also that of ${before}`,
        fullNames
          ? 'Read one of the two under an alias: view@alias.'
          : 'Ask for full names, or read one of the two under an alias: view@alias.',
      )
    taken.set(name.toLowerCase(), what)
  }
}

const collision = (detail: string, remedy?: string) => fail('NAME_COLLISION', detail, { at: '/features', remedy })
