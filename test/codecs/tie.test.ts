import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { schemaText } from '../../src/codecs/packed-row.ts'
import { type KeepSchemas, registerSchema } from '../../src/codecs/schema-registration.ts'
import { tieOf } from '../../src/codecs/tie.ts'
import { tombstoneTie } from '../../src/values/order.ts'
import { anyTypedRow } from '../support/arbitrary-value.ts'

describe('the tie of a pushed row', () => {
  it('is a number below 2^62 that depends on the values alone', () => {
    fc.assert(
      fc.property(anyTypedRow, (cells) => {
        const columns = cells.map((cell, i) => ({ name: `c${i}`, type: cell.type }))
        const values = cells.map((cell) => cell.value)
        const tie = tieOf(columns, values)
        expect(tie >= 0n && tie < 2n ** 62n && tie < tombstoneTie).toBe(true)
        expect(tieOf([...columns, { name: 'later', type: 'string' }], [...values, null])).toBe(tie)
        expect(tieOf([...columns, { name: 'later', type: 'string' }], [...values, 'x'])).not.toBe(tie)
      }),
    )
  })

  it('never changes, since it is stored', () => {
    expect(
      tieOf(
        [
          { name: 'airport', type: 'string' },
          { name: 'delay', type: 'float64' },
        ],
        ['ORD', -0],
      ),
    ).toBe(3_463_057_569_166_028_200n)
    expect(tieOf([{ name: 'a', type: 'list<float32>' }], [[Number.NaN, null, Math.fround(0.1)]])).toBe(
      1_253_748_981_559_182_062n,
    )
  })
})

describe('registering a schema', () => {
  it('takes the next fingerprint where another schema holds its own', async () => {
    const text = schemaText([{ name: 'a', type: 'int32', meaning: 'a@x' }])
    const kept = new Map<number, string>()
    const keep: KeepSchemas = (entries) =>
      Promise.resolve(
        entries.map((entry) => {
          if (entry.text !== undefined && !kept.has(entry.fingerprint)) kept.set(entry.fingerprint, entry.text)
          return kept.get(entry.fingerprint) ?? null
        }),
      )
    const own = await registerSchema(text, keep)
    expect(await registerSchema(text, keep)).toBe(own)
    kept.set(own, 'another')
    expect(await registerSchema(text, keep)).toBe(own + 1)
    expect(kept.get(own + 1)).toBe(text)
  })
})
