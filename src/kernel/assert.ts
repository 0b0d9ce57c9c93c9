/** Asserts what only a fault in Provender can break. */
export function assert(condition: unknown, message: string): asserts condition {
  if (condition === false || condition === undefined || condition === null)
    throw new Error(`Assertion failed: ${message}`)
}

/** The value, asserted to be there. */
export function must<T>(value: T | undefined | null, message: string): T {
  if (value === undefined || value === null) throw new Error(`Assertion failed: ${message}`)
  return value
}
