import fc from 'fast-check'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { jsonPart, type Path, valueAt } from '../../src/define/place.ts'
import { readYaml } from '../../src/define/text.ts'
import { validateDefinitions } from '../../src/define/validate.ts'
import { fromWire, toWire } from '../../src/define/wire.ts'
import { randomDocuments } from './random-definitions.ts'

const kinds = ['parquet', 'csv', 'sql', 'push', 'postgres', 'kafka']

function pathsOf(data: unknown, path: Path = []): Path[] {
  if (typeof data !== 'object' || data === null) return [path]
  return [
    path,
    ...Object.entries(data).flatMap(([key, value]) =>
      pathsOf(value, [...path, Array.isArray(data) ? Number(key) : key]),
    ),
  ]
}

function replaced(data: unknown, path: Path, value: unknown): unknown {
  const [step, ...rest] = path
  if (step === undefined) return value
  if (Array.isArray(data)) return data.map((item: unknown, i) => (i === step ? replaced(item, rest, value) : item))
  return Object.fromEntries(
    Object.entries(data as object).map(([key, member]) => [
      key,
      key === step ? replaced(member, rest, value) : (member as unknown),
    ]),
  )
}

const anything = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(
    '',
    'v',
    'order',
    '-1d',
    '2d',
    'int32',
    'list<int32>',
    {},
    [],
    [null],
    { type: 'push' },
    { key: 'string' },
    { mean: 'x', window: '3h' },
    'a@b(c=d):e',
    { features: ['x'] },
    Infinity,
  ),
)

// One or two fields of a valid document become anything at all.
test('a broken document is answered, never thrown at, and each error stands at a place of it', () => {
  const edits = fc.array(fc.tuple(fc.nat(), anything), { minLength: 1, maxLength: 2 })
  fc.assert(
    fc.property(randomDocuments(kinds), edits, (document, changes) => {
      let broken: unknown = document
      for (const [at, value] of changes) {
        const paths = pathsOf(broken)
        broken = replaced(broken, paths[at % paths.length] ?? [], value)
      }
      const { definitions, errors } = validateDefinitions([jsonPart(broken)])
      if (errors.length === 0) expect(fromWire(toWire(definitions))).toEqual(definitions)
      for (const { at = '', message, remedy } of errors) {
        const path =
          at === ''
            ? []
            : at
                .slice(1)
                .split('/')
                .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
        expect(path.length === 0 || valueAt(broken, path) !== undefined).toBe(true)
        expect(message.length * remedy.length).toBeGreaterThan(0)
      }
      // As YAML it has the same errors, at lines and columns.
      const read = readYaml('x.yaml', stringify(JSON.parse(JSON.stringify(broken)), { aliasDuplicateObjects: false }))
      const fromText = validateDefinitions([read.part]).errors
      if (read.errors.length === 0)
        expect(fromText.map((error) => error.message).sort()).toEqual(
          validateDefinitions([jsonPart(JSON.parse(JSON.stringify(broken)))])
            .errors.map((error) => error.message)
            .sort(),
        )
      for (const { at, excerpt } of fromText)
        expect([at?.startsWith('x.yaml:'), excerpt?.includes('^')]).toEqual([true, true])
    }),
    { numRuns: 120 },
  )
})
