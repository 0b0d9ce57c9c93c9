import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { excerptOf, parseExact, stringifyExact } from '../../src/codecs/exact-json.ts'
import { jsonFault } from '../../src/codecs/json-fault.ts'

/** What JSON.parse makes of exact integers. */
function asDoubles(data: unknown): unknown {
  if (typeof data === 'bigint') return Number(data)
  if (Array.isArray(data)) return data.map(asDoubles)
  return typeof data === 'object' && data !== null
    ? Object.fromEntries(Object.entries(data).map(([name, value]) => [name, asDoubles(value)]))
    : data
}

const bad = (detail: RegExp): unknown =>
  expect.objectContaining({ code: 'BAD_REQUEST', message: expect.stringMatching(detail) as unknown })

describe('exact JSON', () => {
  it('keeps every integer of at most 19 digits, however it is spelled', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(10n ** 19n) + 1n, max: 10n ** 19n - 1n }),
        fc.nat(3),
        fc.boolean(),
        (n, zeros, asExponent) => {
          const padded = n * 10n ** BigInt(zeros)
          const text =
            asExponent && n % 10n ** BigInt(zeros) === 0n
              ? `${n / 10n ** BigInt(zeros)}e${zeros}`
              : `${n}${zeros > 0 ? `.${'0'.repeat(zeros)}` : ''}`
          const [read] = parseExact(`[${text}]`) as [number | bigint]
          expect(BigInt(read)).toBe(n)
          expect(typeof read).toBe(Number.isSafeInteger(Number(n)) && BigInt(Number(n)) === n ? 'number' : 'bigint')
          expect(padded % 10n ** BigInt(zeros)).toBe(0n)
        },
      ),
    )
  })

  it('reads all else as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(JSON.parse(text)).toEqual(asDoubles(parseExact(text)))
        expect(JSON.parse(stringifyExact(parseExact(text)))).toEqual(JSON.parse(text))
      }),
    )
    expect(
      parseExact(
        '[-0,0.30000000000000004,1e300,1e400,12345678901234567890123,"1234567890123456789","9007199254740993,"]',
      ),
    ).toEqual([
      -0,
      0.30000000000000004,
      1e300,
      Infinity,
      1.2345678901234568e22,
      '1234567890123456789',
      '9007199254740993,',
    ])
    expect(Object.hasOwn(parseExact('{"__proto__":9007199254740993}') as object, '__proto__')).toBe(true)
  })

  it('says where a text stops being JSON', () => {
    expect(() => parseExact('{"a": 1,\n  b: 2}')).toThrow(
      bad(/^The body is not JSON: a member name in double quotes is expected at line 2, column 3$/) as Error,
    )
    expect(() => parseExact('[1, 2', 'line 7 of x.jsonl')).toThrow(
      bad(/^Line 7 of x.jsonl is not JSON: it ends before "\]" at line 1, column 6$/) as Error,
    )
    for (const text of ['', '[1,]', '{"a" 1}', '"a', '"\\x"', '"\n"', '[01]', 'nul', '{"a":1}}', '[1 2]', '-', '{,}'])
      expect(() => parseExact(text), text).toThrow(bad(/line \d+, column \d+$/) as Error)
  })

  it('finds a fault only in what JSON.parse refuses', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.constantFrom('', '"', ',', '}', '[', '0', 'x', '\\'), (text, at, insert) => {
        const broken = text.slice(0, at % (text.length + 1)) + insert + text.slice((at % (text.length + 1)) + 1)
        const fault = jsonFault(broken)
        let refused = false
        try {
          JSON.parse(broken)
        } catch {
          refused = true
        }
        expect(fault.message === 'it cannot be parsed' && fault.offset === broken.length, broken).toBe(!refused)
      }),
    )
  })

  it('refuses deep nesting, and counts no bracket within a string', () => {
    const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`
    expect(parseExact(nested(32))).toBeInstanceOf(Array)
    expect(() => parseExact(nested(33))).toThrow(bad(/deeper than 32 at line 1, column 33/) as Error)
    expect(parseExact(JSON.stringify(['[\\"'.repeat(50), '\\']))).toBeInstanceOf(Array)
  })

  it('writes what JSON.stringify loses', () => {
    expect(
      stringifyExact({
        a: 2n ** 63n,
        b: -0,
        c: [Number.NaN, -Infinity, undefined],
        d: undefined,
        e: new Date(0),
        f: Uint8Array.of(0, 255),
        g: Float32Array.of(0.1),
        h: BigInt64Array.of(1n),
      }),
    ).toBe(
      '{"a":9223372036854775808,"b":-0,"c":["NaN","-Infinity",null],"e":"1970-01-01T00:00:00Z","f":"AP8=","g":[0.1],"h":[1]}',
    )
    const cycle: unknown[] = []
    cycle.push(cycle)
    expect(() => stringifyExact(cycle)).toThrow(expect.objectContaining({ code: 'BAD_VALUE' }) as Error)
  })

  it('cuts values short for errors', () => {
    expect(excerptOf('x'.repeat(100))).toBe(`"${'x'.repeat(59)}…`)
    expect([5n, -0, 'a', null, true, {}, [1], undefined, Uint8Array.of(1)].map(excerptOf)).toEqual([
      '5',
      '-0',
      '"a"',
      'null',
      'true',
      'an object',
      'an array',
      'a value of type undefined',
      'bytes (1)',
    ])
  })
})
