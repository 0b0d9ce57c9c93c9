import { writeJs, writeParsed } from '../codecs/js-json.ts'
import { instantOf } from '../contract/arguments.ts'
import type { InstantLike, ValueForm } from '../contract/store.ts'
import { valuesHeader } from '../contract/wire-names.ts'
import { formatInstant } from '../values/instant.ts'

/** Values as JSON text, and the header that says how they are written where that is not the wire form. */
export interface ValuesText {
  readonly text: string
  readonly headers: Readonly<Record<string, string>>
}

/** Writes values so that the server's store gets what this one was given. @throws BAD_VALUE for a cycle. */
export function valuesText(values: unknown, form: ValueForm): ValuesText {
  if (form === 'json') return { text: writeParsed(values), headers: {} }
  const { text, isTagged } = writeJs(values)
  // Values that JSON has words for are the same in both forms.
  if (form === 'js' && !isTagged) return { text, headers: {} }
  return { text, headers: { [valuesHeader]: form } }
}

/** An object as JSON text, its members written already; those that are undefined are left out. */
export const objectText = (members: Readonly<Record<string, string | undefined>>): string =>
  `{${Object.entries(members)
    .filter(([, text]) => text !== undefined)
    .map(([name, text]) => `"${name}":${text}`)
    .join(',')}}`

/** JSON text of what may be left out. */
export const jsonText = (value: unknown): string | undefined =>
  value === undefined ? undefined : JSON.stringify(value)

/** An instant as RFC 3339. Text goes as it is: the server says what is wrong with it. @throws BAD_VALUE naming the argument. */
export function instantText(value: InstantLike, name: string): string
export function instantText(value: InstantLike | undefined, name: string): string | undefined
export function instantText(value: InstantLike | undefined, name: string): string | undefined {
  return value === undefined || typeof value === 'string' ? value : formatInstant(instantOf(value, name))
}
