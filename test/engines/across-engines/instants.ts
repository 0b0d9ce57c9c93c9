import type { Seeded } from '../../../src/testing/seeded.ts'
import { instantRange } from '../../../src/values/instant.ts'

const second = 1_000_000n

/** 2024-01-01 and some seconds, in microseconds. */
export const fromSeconds = (seconds: number): bigint => 1_704_067_200n * second + BigInt(seconds) * second

/** Few instants, so that ties are common; a microsecond apart, so that rounding shows; now and then the ends of time. */
export function drawInstant(random: Seeded): bigint {
  if (random.int(25) === 0) return random.pick([instantRange.min, instantRange.end - 1n, -1n, 0n])
  return fromSeconds(random.int(12) * 10) + BigInt(random.int(3) - 1)
}

/** An interval of event times; without a start now and then. */
export function drawInterval(random: Seeded): { readonly start: bigint; readonly end: bigint } {
  const [p, q] = [drawInstant(random), drawInstant(random)]
  return p < q ? { start: p, end: q } : { start: q, end: p + 1n }
}
