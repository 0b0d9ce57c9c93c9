import type { ApplyOptions } from '../contract/store.ts'
import type { Definitions, WireDefinitions } from '../define/definition.ts'
import { readDefinitions } from '../define/read-definitions.ts'
import { readYaml } from '../define/text.ts'
import { type Validated, validateDefinitions } from '../define/validate.ts'
import { type ProvenderError, fail, failAll } from '../kernel/errors.ts'
import type { OtherBody } from './handler.ts'

/** Definitions as they were sent, right or wrong. */
export interface SentDefinitions {
  /** All that is wrong with them, where it stands in the body. */
  readonly errors: readonly ProvenderError[]
  /** @throws all errors as one. */
  valid(): Definitions
  /** Where a field of a source stands. */
  at(source: string, field: string): string
}

type Terms = Pick<ApplyOptions, 'parentVersion' | 'allowBreaking' | 'message'>

/** A body of definitions: JSON with all else beside them, or YAML with all else in the query string. */
export interface DefinitionsRequest {
  readonly body: (Terms & { readonly definitions: object }) | undefined
  readonly other: OtherBody | undefined
  readonly query: object
}

/** What YAML that was sent is called in places: `body:5:13`. */
const bodyFile = 'body'

/** Reads definitions out of a body. @throws BAD_REQUEST for options in the query string beside a JSON body. */
export function readSent({ body, other, query }: DefinitionsRequest): {
  readonly definitions: SentDefinitions
  readonly terms: Terms
} {
  if (other !== undefined)
    return { definitions: sentYaml(typeof other.content === 'string' ? other.content : ''), terms: query }
  const [option] = Object.keys(query)
  if (option !== undefined)
    throw fail('BAD_REQUEST', `"${option}" stands in the query string`, {
      at: `/${option}`,
      remedy: 'Beside JSON, put it into the body.',
    })
  const { definitions, ...terms } = body ?? { definitions: {} }
  return { definitions: sentJson(definitions as WireDefinitions), terms }
}

function sentJson(wire: WireDefinitions): SentDefinitions {
  const { definitions, errors } = readDefinitions(wire)
  const below = errors.map((error) =>
    fail(error.code, error.message, { at: `/definitions${error.at ?? ''}`, remedy: error.remedy, cause: error }),
  )
  return sent({ definitions, errors: below }, (source, field) => `/definitions/sources/${source}/${field}`)
}

function sentYaml(text: string): SentDefinitions {
  const { part, errors } = readYaml(bodyFile, text)
  const validated = validateDefinitions([part])
  return sent(
    { definitions: validated.definitions, errors: [...errors, ...validated.errors] },
    (source, field) => part.locate(['sources', source, field], 'value').at,
  )
}

const sent = ({ definitions, errors }: Validated, at: SentDefinitions['at']): SentDefinitions => ({
  errors,
  valid() {
    if (errors.length > 0) throw failAll(errors)
    return definitions
  },
  at,
})
