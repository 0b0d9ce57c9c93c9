import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isName, likelyName } from '../../src/define/name.ts'

test('names', () => {
  for (const name of ['a', 'order', 'constructor', 'then', 'late_rate_3h', 'a'.repeat(63)])
    expect(isName(name)).toBe(true)
  for (const text of ['', 'A', '_a', '1a', 'a-b', 'a b', 'ä', 'a'.repeat(64), 'a\n', '__proto__'])
    expect(isName(text)).toBe(false)
})

test('the name that was meant', () => {
  expect(likelyName('LateRate')).toBe('late_rate')
  expect(likelyName('delay-model')).toBe('delay_model')
  expect(likelyName('7d rate')).toBe('d_rate')
  expect(likelyName('')).toBeUndefined()
  expect(likelyName('日本')).toBeUndefined()
  fc.assert(fc.property(fc.string(), (text) => isName(likelyName(text) ?? 'none')))
  fc.assert(fc.property(fc.stringMatching(/^[a-z][a-z0-9_]{0,62}$/), (name) => likelyName(name) === name))
})
