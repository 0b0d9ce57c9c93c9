import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RetryPolicy, retryAfterMs } from '../../src/client/retry-policy.ts'

const call = fc.record({
  tries: fc.integer({ min: 1, max: 5 }),
  mayRepeat: fc.boolean(),
  retryAfterMs: fc.constantFrom(0, 0, 1000),
  leftMs: fc.constantFrom(50, 5000, Number.POSITIVE_INFINITY),
})

test('never past the deadline, never sooner than asked, never more than twice, and all together a tenth of the calls', () => {
  fc.assert(
    fc.property(
      fc.array(call, { maxLength: 300 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (calls, die) => {
        const policy = new RetryPolicy(() => die)
        let retries = 0
        for (const { tries, ...failed } of calls) {
          policy.begin()
          for (let earlier = 0; earlier < tries; earlier++) {
            const waitMs = policy.waitMs({ earlier, ...failed })
            if (waitMs === undefined) break
            retries++
            expect([failed.mayRepeat, earlier < 2]).toEqual([true, true])
            expect(waitMs).toBeGreaterThanOrEqual(failed.retryAfterMs)
            expect(waitMs).toBeLessThan(failed.leftMs)
            expect(waitMs - failed.retryAfterMs).toBeLessThanOrEqual(100 * 2 ** earlier)
          }
        }
        expect(retries).toBeLessThanOrEqual(10 + calls.length / 10)
      },
    ),
  )
})

test('retry-after is seconds or a date', () => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  expect(retryAfterMs(undefined, now)).toBe(0)
  expect(retryAfterMs('7', now)).toBe(7000)
  expect(retryAfterMs('Thu, 01 Jan 2026 00:01:00 GMT', now)).toBe(60_000)
  expect(retryAfterMs('Wed, 31 Dec 2025 00:01:00 GMT', now)).toBe(0)
  expect(retryAfterMs('soon', now)).toBe(0)
})
