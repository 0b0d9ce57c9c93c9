const unitUs: Readonly<Record<string, bigint>> = Object.freeze({
  s: 1_000_000n,
  m: 60_000_000n,
  h: 3_600_000_000n,
  d: 86_400_000_000n,
  w: 604_800_000_000n,
})
const maxUs = 3_155_760_000_000_000n * 100n // 10,000 years

/** Reads a duration (`90s 5m 3h 2d 4w`, or 0) in microseconds; undefined for anything else, negatives included. */
export function parseDuration(text: string): bigint | undefined {
  if (text === '0') return 0n
  const m = /^(\d{1,15})([smhdw])$/.exec(text)
  if (m?.[1] === undefined || m[2] === undefined) return undefined
  const us = BigInt(m[1]) * (unitUs[m[2]] ?? 0n)
  return us <= maxUs ? us : undefined
}

/** Writes a duration of whole seconds in its greatest whole unit; weeks only for 0 mod 4w would surprise, so days are the greatest. */
export function formatDuration(us: bigint): string {
  if (us === 0n) return '0'
  for (const unit of ['d', 'h', 'm'] as const) {
    const size = unitUs[unit] ?? 1n
    if (us % size === 0n) return `${us / size}${unit}`
  }
  return `${us / 1_000_000n}s`
}
