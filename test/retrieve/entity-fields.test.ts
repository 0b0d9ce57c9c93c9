import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { writeValue } from '../../src/codecs/json-value.ts'
import { type EntityForm, entityPointer, readKeys } from '../../src/retrieve/entity-fields.ts'
import { parseExact } from '../../src/codecs/exact-json.ts'
import { itemsOf } from '../../src/values/byte-list.ts'
import { type KeyType, encodeEntityKey } from '../../src/values/entity-key.ts'
import type { Value } from '../../src/values/value.ts'
import { anyText, anyValue } from '../support/arbitrary-value.ts'

const keyTypes: readonly KeyType[] = ['bool', 'int32', 'int64', 'string', 'bytes', 'timestamp']

/** One component, by the words of the layout: fixed widths big-endian, texts and bytes behind their 16-bit length. */
function component(type: KeyType, value: Value): Buffer {
  const bytes = Buffer.alloc(8)
  switch (type) {
    case 'string':
    case 'bytes': {
      const content = Buffer.from(value as string)
      return Buffer.concat([Buffer.from([content.length >> 8, content.length & 0xff]), content])
    }
    case 'bool':
      return Buffer.from([value === true ? 1 : 0])
    case 'int32':
      bytes.writeInt32BE(value as number)
      return bytes.subarray(0, 4)
    default:
      bytes.writeBigInt64BE(value as bigint)
      return bytes
  }
}

const keyOf = (types: readonly KeyType[], values: readonly (Value | null)[]): string | null =>
  values.includes(null)
    ? null
    : Buffer.concat(values.map((value, i) => component(types[i] ?? 'bool', value ?? false))).toString('hex')

const hexOf = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString('hex'))

/** A value as it is written in a form. */
function written(form: EntityForm, type: KeyType, value: Value | null): unknown {
  if (value === null) return null
  if (form === 'js') {
    const number = Number(value)
    return type === 'int64' && Number.isSafeInteger(number) && number % 2 === 0 ? number : value
  }
  const json = parseExact(writeValue(type, value))
  return form === 'json' || typeof json === 'string' ? json : String(json)
}

/** Numbers at the ends of what is written without a bigint, and texts of every length around where that ends. */
const anyKeyValue = (type: KeyType): fc.Arbitrary<Value> =>
  type === 'int64'
    ? fc.oneof(
        anyValue(type),
        fc.constantFrom(
          0n,
          -1n,
          2n ** 31n,
          -(2n ** 31n),
          2n ** 32n - 1n,
          -(2n ** 32n) - 1n,
          2n ** 53n - 1n,
          1n - 2n ** 53n,
          2n ** 53n,
        ),
        fc.maxSafeInteger().map(BigInt),
      )
    : type === 'string'
      ? fc.oneof(anyText(), fc.string({ unit: 'grapheme-ascii', minLength: 36, maxLength: 44 }))
      : anyValue(type)

describe('keys of entities', () => {
  test('are the encoded fields of each list, in any form; missing where one is null', () => {
    const entity = fc.array(fc.constantFrom(...keyTypes), { maxLength: 4 }).chain((types) =>
      fc.record({
        types: fc.constant(types),
        rows: fc.array(fc.tuple(...types.map((type) => fc.option(anyKeyValue(type), { freq: 6 }))), { maxLength: 6 }),
        lists: fc.array(fc.uniqueArray(fc.nat(Math.max(0, types.length - 1)), { maxLength: types.length }), {
          maxLength: 3,
        }),
        form: fc.constantFrom<EntityForm>('js', 'json', 'text'),
      }),
    )
    fc.assert(
      fc.property(entity, ({ types, rows, lists, form }) => {
        const keyFields = types.map((type, i) => ({ name: `f${i}`, type, label: 'view' }))
        const entities = rows.map((values) =>
          Object.fromEntries(values.map((value, i) => [`f${i}`, written(form, types[i] ?? 'bool', value)])),
        )
        const terms = { form, placeOf: entityPointer, most: 100 }
        const places = [...keyFields.keys()]
        const whole = readKeys({ keyFields, keyLists: [places], keyIsFields: true }, entities, terms)
        expect(whole.map((list) => itemsOf(list).map(hexOf))).toEqual([rows.map((values) => keyOf(types, values))])
        expect(rows.map((values) => hexOf(encodeEntityKey(types, values)))).toEqual(
          rows.map((values) => keyOf(types, values)),
        )
        const fields = lists.map((list) => list.filter((field) => field < types.length))
        const read = readKeys({ keyFields, keyLists: fields, keyIsFields: false }, entities, terms)
        expect(read.map((list) => itemsOf(list).map(hexOf))).toEqual(
          fields.map((list) =>
            rows.map((values) =>
              keyOf(
                list.map((field) => types[field] ?? 'bool'),
                list.map((field) => values[field] ?? null),
              ),
            ),
          ),
        )
      }),
      { numRuns: 300 },
    )
  })

  test('that are too long are refused, alone or together, and leave nothing behind', () => {
    const keyFields = ['a', 'b'].map((name) => ({ name, type: 'string', label: 'view' }) as const)
    const plan = { keyFields, keyLists: [[0, 1]], keyIsFields: true }
    const terms = { form: 'json', placeOf: entityPointer, most: 100 } as const
    const refused = (at: string): unknown => expect.objectContaining({ code: 'KEY_TOO_LONG', at })
    const fine = { a: 'x'.repeat(1000), b: 'y'.repeat(24) }
    for (const read of [plan, { ...plan, keyLists: [[1, 0]], keyIsFields: false }]) {
      expect(() => readKeys(read, [fine, { a: 'x'.repeat(100_000), b: '' }], terms)).toThrow(
        refused('/entities/1/a') as Error,
      )
      expect(() => readKeys(read, [{ a: 'x'.repeat(1000), b: 'y'.repeat(25) }], terms)).toThrow(
        refused('/entities/0/a') as Error,
      )
      expect(readKeys(read, [fine], terms).map((list) => itemsOf(list).map((key) => key?.length))).toEqual([[1028]])
    }
  })
})
