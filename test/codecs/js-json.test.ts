import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseExact } from '../../src/codecs/exact-json.ts'
import { readJs, writeJs, writeParsed } from '../../src/codecs/js-json.ts'

/** Values as users of the SDK pass them, and objects that look like what stands for them. */
const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constant(null),
    fc.boolean(),
    fc.string({ unit: 'binary' }),
    fc.double(),
    fc.constantFrom(Number.NaN, -0, Infinity, -Infinity, 2 ** 53, -(2 ** 60), 1e300, 2 ** 63),
    fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
    fc.date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59.999Z') }),
    fc.constant(new Date(Number.NaN)),
    fc.uint8Array(),
    fc.array(fc.oneof(tie('value'), fc.constant(undefined)), { maxLength: 3 }),
    fc.dictionary(fc.oneof(fc.constantFrom('$int', '$object', '$date', '__proto__'), fc.string()), tie('value'), {
      maxKeys: 3,
      noNullPrototype: true,
    }),
  ),
})).value

test('what is written is read as the same, whatever it is', () => {
  fc.assert(
    fc.property(values, (value) => {
      const { text, isTagged } = writeJs(value)
      const parsed = parseExact(text, 'it', { levels: 200 })
      expect(readJs(parsed)).toStrictEqual(value)
      // Without anything that JSON lacks, it is read without the other reader.
      if (!isTagged) expect(parsed).toStrictEqual(value)
    }),
    { numRuns: 2000 },
  )
})

test.each([
  [{ k: 5, s: 'x', f: 0.5, l: [null, true, -0] }, '{"k":5,"s":"x","f":0.5,"l":[null,true,-0]}', false],
  [{ k: 5n, left: undefined }, '{"k":{"$int":"5"}}', true],
  [2 ** 53, '{"$float":"9007199254740992"}', true],
  [new Date('2026-01-01T00:00:00.5Z'), '{"$date":"2026-01-01T00:00:00.5Z"}', true],
  [[undefined, new Uint8Array([1, 2])], '[{"$undefined":true},{"$bytes":"AQI="}]', true],
  [{ $int: '5' }, '{"$object":{"$int":"5"}}', true],
  [new Float32Array([0.5, Number.NaN]), '[0.5,{"$float":"NaN"}]', true],
  [() => 5, '{}', false],
])('%o is written as %s', (value, text, isTagged) => {
  expect(writeJs(value)).toEqual({ text, isTagged })
})

test('what cannot have been written is refused', () => {
  for (const data of [
    { $int: '0x10' },
    { $int: '1'.repeat(401) },
    { $float: 'one' },
    { $date: 'now' },
    { $bytes: 5 },
    { $what: 1 },
  ])
    expect(() => readJs([data])).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }) as Error)
  const cycle: unknown[] = []
  cycle.push(cycle)
  expect(() => writeJs(cycle)).toThrow(expect.objectContaining({ code: 'BAD_VALUE' }) as Error)
})

test('what was parsed is written so that it is parsed as the same, numbers too large for a double too', () => {
  fc.assert(
    fc.property(fc.json({ noUnicodeString: false }), (json) => {
      const data = parseExact(json)
      expect(parseExact(writeParsed(data))).toStrictEqual(data)
    }),
  )
  const large = parseExact('[1e999,-1e999,9007199254740993,-0,{"$int":"5"}]')
  expect(writeParsed(large)).toBe('[1e999,-1e999,9007199254740993,-0,{"$int":"5"}]')
  expect(writeParsed([new Date(0), new Uint8Array(1)])).toBe('[{},{}]')
})
