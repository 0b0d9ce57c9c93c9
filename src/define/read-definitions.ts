import { documentOf, isBuilt } from './built.ts'
import type { Definitions, WireDefinitions } from './definition.ts'
import { fail } from '../kernel/errors.ts'
import { jsonPart } from './place.ts'
import { validateDefinitions, type Validated } from './validate.ts'
import { toWire } from './wire.ts'

/**
 * Reads and validates definitions in any of their forms: frozen definitions, the wire form, or builder values. Of builder
 * values only those of the array count: a view's entities and source must stand in it too.
 */
export function readDefinitions(given: Definitions | WireDefinitions | readonly object[]): Validated {
  if (isList(given)) return readValues(given)
  return validateDefinitions([jsonPart(isFrozen(given) ? toWire(given) : given)])
}

function readValues(values: readonly object[]): Validated {
  const strangers = values.flatMap((value, i) =>
    isBuilt(value)
      ? []
      : [
          fail('INVALID_DEFINITION', 'This is not a definition', {
            at: `/${i}`,
            remedy: 'Pass values of entity(), source.…(), featureView() and featureService().',
          }),
        ],
  )
  const distinct = [...new Set(values)].filter(isBuilt)
  const { definitions, errors } = validateDefinitions(distinct.map((value) => jsonPart(documentOf(value))))
  return Object.freeze({ definitions, errors: Object.freeze([...strangers, ...errors]) })
}

const isList = (given: object): given is readonly object[] => Array.isArray(given)

function isFrozen(given: Definitions | WireDefinitions): given is Definitions {
  return given.entities instanceof Map && 'onDemand' in given
}
