import { limits } from '../kernel/limits.ts'

/** What every name looks like: of definitions, features and join keys. None is reserved. */
export const namePattern = new RegExp(`^[a-z][a-z0-9_]{0,${limits.nameChars - 1}}$`)

/** Whether a text may be a name. */
export const isName = (text: string): boolean => namePattern.test(text)

/** The name that somebody may have meant by a text that is none, or undefined. */
export function likelyName(text: string): string | undefined {
  const name = text
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replace(/[^a-z0-9_]+/g, '_')
    .replace(/^[^a-z]+/, '')
    .slice(0, limits.nameChars)
  return isName(name) ? name : undefined
}
