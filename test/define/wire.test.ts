import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalJson } from '../../src/define/canonical-json.ts'
import type { WireDefinitions } from '../../src/define/definition.ts'
import { jsonPart } from '../../src/define/place.ts'
import { validateDefinitions } from '../../src/define/validate.ts'
import { fromWire, toWire, wireText } from '../../src/define/wire.ts'
import { isProvenderError } from '../../src/kernel/errors.ts'
import { randomDocuments } from './random-definitions.ts'

const kinds = ['parquet', 'csv', 'sql', 'push', 'postgres', 'kafka']

test('the wire form and the definitions are each other’s inverse', () => {
  fc.assert(
    fc.property(randomDocuments(kinds), (document) => {
      const { definitions, errors } = validateDefinitions([jsonPart(document)])
      expect(errors.map((error) => `${error.at} ${error.message}`)).toEqual([])
      const wire = toWire(definitions)
      expect(fromWire(wire)).toEqual(definitions)
      expect(fromWire(JSON.parse(JSON.stringify(wire)) as WireDefinitions)).toEqual(definitions)
      expect(validateDefinitions([jsonPart(wire)])).toEqual({ definitions, errors: [] })
      expect(wireText(fromWire(wire))).toBe(wireText(definitions))
    }),
    { numRuns: 150 },
  )
})

test('the wire form does not depend on the order of names, fields and tags, but on that of features and keys', () => {
  const text = (document: object): string => wireText(validateDefinitions([jsonPart(document)]).definitions)
  const sources = { s: { type: 'csv', path: 'x', timestamp: 't' }, a: { timestamp: 't', path: 'x', type: 'csv' } }
  const view = { entities: ['e'], source: 's', features: { b: 'int32', a: 'int32' }, tags: { y: '1', x: '2' } }
  const one = text({ entities: { e: { keys: { q: 'string', p: 'string' } } }, sources, views: { v: view } })
  const reordered = { tags: { x: '2', y: '1' }, features: view.features, source: 's', entities: ['e'] }
  expect(
    text({
      views: { v: reordered },
      sources: { a: sources.a, s: sources.s },
      entities: { e: { keys: { q: 'string', p: 'string' } } },
    }),
  ).toBe(one)
  expect(text({ entities: { e: { keys: { p: 'string', q: 'string' } } }, sources, views: { v: view } })).not.toBe(one)
  expect(
    text({
      entities: { e: { keys: { q: 'string', p: 'string' } } },
      sources,
      views: { v: { ...view, features: { a: 'int32', b: 'int32' } } },
    }),
  ).not.toBe(one)
})

test('a wire form is written with defaults left out', () => {
  const { definitions } = validateDefinitions([
    jsonPart({
      entities: { e: { keys: { e: 'string' } }, f: { key: { g: 'int64' } } },
      sources: { s: { type: 'push', schema: { x: 'int32' }, timestamp: 't' } },
      views: {
        v: {
          entities: ['e'],
          source: 's',
          keys: { e: 'e' },
          ttl: '48h',
          online: true,
          features: { x: { type: 'int32', column: 'x' }, y: { type: 'int32', column: 'x' } },
        },
      },
      services: { m: { features: 'v' } },
    }),
  ])
  expect(JSON.parse(wireText(definitions))).toEqual({
    entities: { e: { key: 'string' }, f: { key: { g: 'int64' } } },
    sources: { s: { type: 'push', schema: { x: 'int32' }, timestamp: 't' } },
    views: {
      v: { entities: ['e'], source: 's', ttl: '2d', features: { x: 'int32', y: { type: 'int32', column: 'x' } } },
    },
    on_demand: {},
    services: { m: { features: ['v'] } },
  })
})

test('a wire form that has not the shape of the grammar is refused', () => {
  const refuse = (): unknown =>
    fromWire({ entities: { e: { key: 'float64' } }, sources: {}, views: {}, on_demand: {}, services: {} })
  expect(refuse).toThrow(/float64/)
  try {
    refuse()
  } catch (thrown) {
    expect(isProvenderError(thrown) && [thrown.code, thrown.at]).toEqual(['INVALID_DEFINITION', '/entities/e/key'])
  }
})

test('canonical JSON is one text for equal data', () => {
  expect(canonicalJson({ b: [1, { d: null, c: undefined }], a: 'x' })).toBe('{"a":"x","b":[1,{"d":null}]}')
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const shuffled = Object.fromEntries(Object.entries(value).reverse())
      expect(canonicalJson(shuffled)).toBe(canonicalJson(value))
      expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})
