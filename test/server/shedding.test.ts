import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Admission, priorities } from '../../src/server/admission.ts'

/** How many of a kind are let in when very many ask between two looks. */
function letIn(admission: Admission, priority: (typeof priorities)[number], asking = 500): number {
  let entered = 0
  for (let i = 0; i < asking; i++)
    if (admission.enter(priority)) {
      entered += 1
      admission.leave(priority)
    }
  return entered
}

describe('what is let in', () => {
  test('is all while the event loop is in time, and never nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2000 }), { minLength: 1, maxLength: 30 }), (delays) => {
        const admission = new Admission()
        for (const delayMs of delays) {
          for (const priority of priorities) expect(letIn(admission, priority)).toBeGreaterThan(0)
          admission.adapt(delayMs)
        }
        // Two looks a second: it recovers within ten seconds from whatever was.
        for (let i = 0; i < 20; i++) {
          for (const priority of priorities) letIn(admission, priority)
          admission.adapt(0)
        }
        for (const priority of priorities) expect(letIn(admission, priority)).toBe(500)
      }),
    )
  })

  test('falls to a few while the loop is late, the last kinds first', () => {
    for (const [delayMs, spared] of [
      [60, ['online', 'push', 'metadata']],
      [80, ['online', 'push']],
      [150, ['online']],
      [300, []],
    ] as const) {
      const admission = new Admission()
      for (let i = 0; i < 20; i++) {
        for (const priority of priorities) letIn(admission, priority)
        admission.adapt(delayMs)
      }
      const whole = priorities.filter((priority) => letIn(admission, priority) === 500)
      expect([delayMs, whole]).toEqual([delayMs, spared])
      if (delayMs === 300) {
        admission.adapt(delayMs)
        expect(priorities.map((priority) => letIn(admission, priority))).toEqual([100, 20, 30, 20])
      }
    }
  })

  test('is bounded by what is under way, and told', () => {
    const admission = new Admission()
    let entered = 0
    while (admission.enter('historical')) entered += 1
    expect([entered, admission.hasRoom('historical'), admission.hasRoom('online')]).toEqual([200, false, true])
    admission.leave('historical')
    expect(admission.enter('historical')).toBe(true)
    const [underway, shed] = admission
      .families()
      .map(({ values }) => values.find(({ labels }) => labels['priority'] === 'historical'))
    expect([underway?.value, shed?.value]).toEqual([200, 1])
  })
})
