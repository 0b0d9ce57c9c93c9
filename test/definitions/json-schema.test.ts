import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { editorSchema, editorSchemaText } from '../../src/definitions/json-schema.ts'
import { sourceTypes } from '../../src/define/grammar-sources.ts'
import { valueAt } from '../../src/define/place.ts'

test('the schema for editors is the one of the grammar', () => {
  const file = new URL('../../docs/reference/provender.schema.json', import.meta.url)
  // Made anew by: npm run docs
  expect(readFileSync(file, 'utf8')).toBe(editorSchemaText())
})

test('it is draft-07, knows every section and describes each field', () => {
  const schema = editorSchema()
  expect(schema['$schema']).toBe('http://json-schema.org/draft-07/schema#')
  expect(Object.keys(schema['properties'] as object)).toEqual([
    'project',
    'metadata',
    'offline',
    'online',
    'server',
    'auth',
    'entities',
    'sources',
    'views',
    'services',
  ])
  const types = valueAt(schema, ['properties', 'sources', 'additionalProperties', 'oneOf']) as {
    properties: { type: { const: string } }
  }[]
  expect(types.map((branch) => branch.properties.type.const)).toEqual(sourceTypes)
  const undescribed: string[] = []
  const walk = (node: unknown, path: string): void => {
    if (typeof node !== 'object' || node === null) return
    for (const [name, field] of Object.entries((node as { properties?: object }).properties ?? {})) {
      if (typeof (field as { description?: unknown }).description !== 'string') undescribed.push(`${path}.${name}`)
    }
    for (const [key, value] of Object.entries(node)) walk(value, `${path}.${key}`)
  }
  walk(schema, '')
  expect(undescribed).toEqual([])
})

test('what it says of durations, names and types is what the grammar says', () => {
  const pattern = (path: readonly (string | number)[]): RegExp =>
    new RegExp(String(valueAt(editorSchema(), ['properties', 'views', ...path])))
  const duration = pattern(['additionalProperties', 'properties', 'ttl', 'pattern'])
  for (const text of ['0', '90s', '2d', '4w']) expect(text).toMatch(duration)
  for (const text of ['-1d', '2 d', '2y', '']) expect(text).not.toMatch(duration)
  const type = pattern([
    'additionalProperties',
    'properties',
    'features',
    'additionalProperties',
    'anyOf',
    0,
    'pattern',
  ])
  for (const text of ['bool', 'int64', 'list<string>', 'vector<8>']) expect(text).toMatch(type)
  for (const text of ['int', 'list<list<int32>>', 'vector<0>', 'vector<x>']) expect(text).not.toMatch(type)
  expect('late_rate').toMatch(pattern(['propertyNames', 'pattern']))
})
