/** The shortest text that reads back as the same float64; −0 keeps its sign; NaN, Infinity and -Infinity by these names. */
export function float64Text(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

/** Below it float32 has less than six digits of precision. */
const smallestNormal = 2 ** -126

/**
 * The shortest text that reads back as the same float32. Of up to six digits, no two texts are one float32, so if six
 * are enough, what is left without trailing zeros is the shortest; nine are always enough.
 */
export function float32Text(value: number): string {
  if (!Number.isFinite(value) || value === 0) return float64Text(value)
  for (let digits = Math.abs(value) < smallestNormal ? 1 : 6; digits < 9; digits++) {
    const candidate = Number(value.toPrecision(digits))
    if (Math.fround(candidate) === value) return String(candidate)
  }
  return String(Number(value.toPrecision(9)))
}
