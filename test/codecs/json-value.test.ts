import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseExact } from '../../src/codecs/exact-json.ts'
import { float32Text } from '../../src/codecs/float-text.ts'
import { fromJs, parseKeyText } from '../../src/codecs/from-js.ts'
import { parseValue, writeValue } from '../../src/codecs/json-value.ts'
import type { KeyType } from '../../src/values/entity-key.ts'
import type { FeatureType } from '../../src/values/feature-type.ts'
import { type Value, sameValue } from '../../src/values/value.ts'
import { anyNullable, anyType, anyValue } from '../support/arbitrary-value.ts'

const parse = (type: FeatureType, text: string): Value | null => parseValue(type, parseExact(text), '/x')
const refused = (at = '/x'): unknown => expect.objectContaining({ code: 'BAD_VALUE', at })
const typed = anyType.chain((type) => anyNullable(type).map((value) => ({ type, value })))

describe('values as JSON', () => {
  it('come back exactly', () => {
    fc.assert(
      fc.property(typed, ({ type, value }) => {
        const text = writeValue(type, value)
        expect(sameValue(type, parse(type, text), value), `${type} ${text}`).toBe(true)
        expect(sameValue(type, fromJs(type, value, '/x'), value)).toBe(true)
        expect(sameValue(type, fromJs(type, parseExact(text), '/x'), value)).toBe(true)
      }),
    )
  })

  it('are written as the contract says', () => {
    const written: [FeatureType, Value | null, string][] = [
      ['int64', 9007199254740993n, '9007199254740993'],
      ['bytes', Uint8Array.of(0, 255), '"AP8="'],
      ['float64', Number.NaN, '"NaN"'],
      ['list<float64>', [Infinity, -Infinity, -0], '["Infinity","-Infinity",-0]'],
      ['float32', Math.fround(0.1), '0.1'],
      ['vector<2>', [Math.fround(16777216), Math.fround(3.4e38)], '[16777216,3.4e+38]'],
      ['list<string>', [], '[]'],
      ['list<string>', [null], '[null]'],
      ['timestamp', 1_767_261_600_000_001n, '"2026-01-01T10:00:00.000001Z"'],
      ['string', 'a"\n', String.raw`"a\"\n"`],
      ['bool', null, 'null'],
    ]
    for (const [type, value, text] of written) expect(writeValue(type, value)).toBe(text)
  })

  it('take what is another spelling of the same value', () => {
    expect(parse('int32', '5.0')).toBe(5)
    expect(parse('int32', '-0')).toBe(0)
    expect(parse('int64', '1e18')).toBe(10n ** 18n)
    expect(parse('int64', '123456789012345e4')).toBe(1234567890123450000n)
    expect(parse('int64', '9007199254740993.0')).toBe(9007199254740993n)
    expect(parse('float64', '9007199254740993')).toBe(9007199254740992)
    expect(parse('float32', '0.1')).toBe(Math.fround(0.1))
    expect(parse('timestamp', '"2024-01-01T12:00:00+02:00"')).toBe(parse('timestamp', '"2024-01-01T10:00:00"'))
  })

  it('are refused with their position when they do not fit', () => {
    const bad: [FeatureType, string][] = [
      ['string', '5'],
      ['int32', '"5"'],
      ['int64', '"5"'],
      ['int32', '2147483648'],
      ['int32', '1.5'],
      ['int64', '9223372036854775808'],
      ['int64', '1e19'],
      ['int64', '1e300'],
      ['bool', '1'],
      ['bool', '"true"'],
      ['float64', '"nan"'],
      ['float64', '1e400'],
      ['float32', '1e39'],
      ['float64', 'true'],
      ['string', String.raw`"a\u0000"`],
      ['string', String.raw`"\ud800"`],
      ['bytes', '"AP8"'],
      ['bytes', '"AP8_"'],
      ['bytes', '"A P8="'],
      ['bytes', '"AP9="'],
      ['timestamp', '1700000000'],
      ['timestamp', '"2024-02-30"'],
      ['timestamp', '"0000-01-01"'],
      ['list<int32>', '5'],
      ['list<int32>', '{}'],
      ['vector<2>', '[1]'],
      ['vector<2>', '[1,2,3]'],
    ]
    for (const [type, text] of bad) expect(() => parse(type, text), `${type} ${text}`).toThrow(refused() as Error)
    expect(() => parse('list<int32>', '[1,null,"2"]')).toThrow(refused('/x/2') as Error)
    expect(() => parse('vector<2>', '[1,null]')).toThrow(refused('/x/1') as Error)
    // A number that has lost digits before it came here is not taken for exact.
    expect(() => parseValue('int64', 2 ** 53, '/x')).toThrow(refused() as Error)
  })

  it('obey the limits of strings, bytes and lists', () => {
    const mebibyte = 1024 * 1024
    expect(parseValue('string', 'a'.repeat(mebibyte), '/x')).toHaveLength(mebibyte)
    expect(() => parseValue('string', 'ä'.repeat(mebibyte / 2 + 1), '/x')).toThrow(/longer than 1048576 bytes/)
    expect(() => fromJs('bytes', new Uint8Array(mebibyte + 1), '/x')).toThrow(/longer than 1048576 bytes/)
    expect(
      parseValue(
        'list<bool>',
        Array.from({ length: 65_536 }, () => true),
        '/x',
      ),
    ).toHaveLength(65_536)
    expect(() =>
      parseValue(
        'list<bool>',
        Array.from({ length: 65_537 }, () => true),
        '/x',
      ),
    ).toThrow(/65537 elements/)
  })

  it('come from JavaScript in their own kinds', () => {
    expect(fromJs('timestamp', new Date('2024-01-01T00:00:00.001Z'), '/x')).toBe(1_704_067_200_001_000n)
    expect(fromJs('timestamp', 1_704_067_200_000_001n, '/x')).toBe(1_704_067_200_000_001n)
    expect(fromJs('int64', 5, '/x')).toBe(5n)
    expect(fromJs('int64', 2n ** 62n, '/x')).toBe(2n ** 62n)
    expect(fromJs('int32', 5n, '/x')).toBe(5)
    expect(fromJs('vector<2>', Float32Array.of(0.1, 2), '/x')).toEqual([Math.fround(0.1), 2])
    expect(fromJs('list<int64>', BigInt64Array.of(1n), '/x')).toEqual([1n])
    expect(fromJs('float64', Infinity, '/x')).toBe(Infinity)
    expect(fromJs('string', undefined, '/x')).toBeNull()
    for (const [type, input] of [
      ['timestamp', new Date(Number.NaN)],
      ['timestamp', 5],
      ['timestamp', 10n ** 18n],
      ['int64', 2 ** 53],
      ['bytes', [1]],
      ['string', 5n],
      ['int32', () => 1],
    ] as const) {
      expect(() => fromJs(type, input, '/x'), type).toThrow(refused() as Error)
    }
  })

  it('come from the text of a URL by their type', () => {
    const keys = fc.constantFrom<KeyType>('bool', 'int32', 'int64', 'string', 'bytes', 'timestamp')
    fc.assert(
      fc.property(
        keys.chain((type) => anyValue(type).map((value) => ({ type, value }))),
        ({ type, value }) => {
          const text = typeof value === 'string' ? value : writeValue(type, value).replaceAll('"', '')
          expect(sameValue(type, parseKeyText(type, text, '/x'), value)).toBe(true)
        },
      ),
    )
    expect(parseKeyText('string', '5', '/x')).toBe('5')
    for (const [type, text] of [
      ['int32', '5.5'],
      ['int32', '+5'],
      ['int32', ''],
      ['int32', '99999999999'],
      ['bool', '1'],
      ['timestamp', 'now'],
    ] as const) {
      expect(() => parseKeyText(type, text, '/x')).toThrow(refused() as Error)
    }
  })
})

describe('the text of a float32', () => {
  it('reads back, and no shorter text does', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = float32Text(value)
        expect(Object.is(Math.fround(Number(text)), value)).toBe(true)
        const digits = text
          .replace(/e.*/, '')
          .replace(/^-?[0.]*/, '')
          .replace('.', '')
          .replace(/0+$/, '').length
        for (let shorter = 1; shorter < digits; shorter++)
          expect(Math.fround(Number(value.toPrecision(shorter)))).not.toBe(value)
      }),
      { numRuns: 500 },
    )
  })
})
