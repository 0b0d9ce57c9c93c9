import { fail } from '../kernel/errors.ts'

/**
 * An integer as a driver answers it: bigint, number, or decimal text.
 * @throws CORRUPT_STORE for anything else.
 */
export function integerOf(value: unknown, what: string): number {
  const integer =
    typeof value === 'string' && /^-?\d+$/.test(value)
      ? Number(value)
      : typeof value === 'bigint'
        ? Number(value)
        : value
  if (typeof integer !== 'number' || !Number.isSafeInteger(integer))
    throw fail('CORRUPT_STORE', `The metadata's ${what} is no integer: ${shown(value)}`)
  return integer
}

/** An int64, exact. @throws CORRUPT_STORE */
export function int64Of(value: unknown, what: string): bigint {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
  if (typeof value === 'string' && /^-?\d{1,19}$/.test(value)) return BigInt(value)
  throw fail('CORRUPT_STORE', `The metadata's ${what} is no int64: ${shown(value)}`)
}

/** A text. @throws CORRUPT_STORE */
export function textOf(value: unknown, what: string): string {
  if (typeof value !== 'string') throw fail('CORRUPT_STORE', `The metadata's ${what} is no text: ${shown(value)}`)
  return value
}

/** At most 60 characters of what was found, for people. */
export const shown = (value: unknown): string => {
  const text = typeof value === 'bigint' ? value.toString() : (JSON.stringify(value) ?? typeof value)
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
