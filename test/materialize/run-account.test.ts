import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openAccount } from '../../src/materialize/run-account.ts'
import { type RunRecord, runPhases } from '../../src/ports/run-log.ts'

const run = { interval: [null, 5n] } as unknown as RunRecord

test('whatever the engine estimates, the fraction never goes back, and is 1 only at the end', () => {
  const tells = fc.array(
    fc.tuple(
      fc.constantFrom(...runPhases.filter((phase) => phase !== 'done')),
      fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
    ),
  )
  fc.assert(
    fc.property(tells, (told) => {
      const heard: (number | null)[] = []
      const account = openAccount(run, ({ fraction }) => heard.push(fraction))
      for (const [phase, share] of told) account.tell(phase, share)
      const known = heard.filter((fraction) => fraction !== null)
      expect(heard.slice(heard.length - known.length)).toEqual(known)
      expect(known).toEqual(known.toSorted((a, b) => a - b))
      expect(known.every((fraction) => fraction >= 0 && fraction < 1)).toBe(true)
      account.tell('done')
      expect(heard.at(-1)).toBe(1)
      expect(account.facts().progress).toEqual({ phase: 'done', fraction: 1 })
    }),
  )
})
