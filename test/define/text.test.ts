import fc from 'fast-check'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { sourceText } from '../../src/define/source-text.ts'
import { readYaml } from '../../src/define/text.ts'

const failures = (text: string): string[] =>
  readYaml('x.yaml', text).errors.map((error) => `${error.code} ${error.at} ${error.message}`)
const dataOf = (text: string): unknown => JSON.parse(JSON.stringify(readYaml('x.yaml', text).part.data ?? null))

test('places are those of keys and values', () => {
  const { part } = readYaml('x.yaml', 'views:\r\n  v:\r\n    entities: [a, "b c"]\r\n    empty:\r\n')
  expect(part.locate(['views', 'v'], 'key').at).toBe('x.yaml:2:3')
  expect(part.locate(['views', 'v'], 'value').at).toBe('x.yaml:3:5')
  expect(part.locate(['views', 'v', 'entities', 1], 'value', 'here')).toEqual({
    at: 'x.yaml:3:19',
    offset: 32,
    excerpt: '3 |     entities: [a, "b c"]\n                      ^^^^^  here',
  })
  expect(part.locate(['views', 'v', 'empty'], 'value').at).toBe('x.yaml:4:5')
  // What is not there is looked for around it.
  expect(part.locate(['views', 'v', 'source', 'x'], 'value').at).toBe('x.yaml:2:3')
  expect(part.locate(['nothing'], 'value').at).toBe('x.yaml:1:1')
})

test('an excerpt shows one line, tabs as spaces, and of a long line the part around the place', () => {
  const source = sourceText('x', `a\n\tb: c\n${'x'.repeat(500)}NAME${'y'.repeat(500)}`)
  expect(source.place(3, 4).excerpt).toBe('2 |  b: c\n     ^')
  expect(source.place(2, 100).excerpt).toBe('2 |  b: c\n    ^^^^^')
  const [line = '', marks = ''] = (source.place(508, 512).excerpt ?? '').split('\n')
  expect(line.length).toBeLessThan(200)
  expect(line.slice(marks.indexOf('^'), marks.lastIndexOf('^') + 1)).toBe('NAME')
  expect(source.place(1e9, 1e9).at).toBe('x:3:1005')
  expect(source.offsetOf(2, 2)).toBe(3)
  expect(sourceText('x', '').place(0, 5)).toEqual({ at: 'x:1:1', offset: 0, excerpt: '1 | \n    ^' })
})

test('every place is the line and column that counting gives', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', '\n', ' ', 'é'), { maxLength: 60 }), fc.nat(60), (chars, offset) => {
      const text = chars.join('')
      const at = Math.min(offset, text.length)
      const before = text.slice(0, at).split('\n')
      const source = sourceText('x', text)
      expect(source.place(at, at + 1).at).toBe(`x:${before.length}:${(before.at(-1) ?? '').length + 1}`)
      expect(source.offsetOf(before.length, (before.at(-1) ?? '').length + 1)).toBe(at)
    }),
  )
})

test('a key that stands twice is an error that names both, and hides no other', () => {
  expect(failures('a: 1\nb: { c: 1, d: 2, c: 3 }\na: 2\n')).toEqual([
    'DUPLICATE_NAME x.yaml:2:18 "c" stands here a second time; first at x.yaml:2:6',
    'DUPLICATE_NAME x.yaml:3:1 "a" stands here a second time; first at x.yaml:1:1',
  ])
  expect(dataOf('a: 1\na: 2')).toEqual({ a: 1 })
})

test('keys are text as they are written', () => {
  expect(dataOf('true: 1\nnull: 2\n0x10: 3\n1.0: 4\n"q": 5\n? plain\n: 6\n')).toEqual({
    true: 1,
    null: 2,
    '0x10': 3,
    '1.0': 4,
    q: 5,
    plain: 6,
  })
  expect(failures('? [a]\n: 1')).toEqual(['SYNTAX_ERROR x.yaml:1:3 A key must be text'])
  expect(failures('? {a: b}\n: 1')).toHaveLength(1)
})

test('the core schema only: no tags, no merge keys, no dates', () => {
  expect(dataOf('a: yes\nb: 2026-01-01\nc: true\nd: 0o17\ne: ~\n<<: { x: 1 }')).toEqual({
    a: 'yes',
    b: '2026-01-01',
    c: true,
    d: 15,
    e: null,
    '<<': { x: 1 },
  })
  for (const tag of ['!!binary aGk=', '!!timestamp 2026-01-01', '!!set {a}', '!mine x', '!!js/function x'])
    expect(failures(`a: ${tag}`)[0]).toMatch(/^SYNTAX_ERROR x\.yaml:1:/)
})

test('data has no prototype', () => {
  const { data } = readYaml('x.yaml', '__proto__: { polluted: true }\nconstructor: 1').part
  expect(Object.getPrototypeOf(data)).toBeNull()
  expect(Object.keys(data as object)).toEqual(['__proto__', 'constructor'])
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
})

test('aliases are read, within limits', () => {
  expect(dataOf('a: &x { b: 1 }\nc: *x\nd: [*x, *x]')).toEqual({ a: { b: 1 }, c: { b: 1 }, d: [{ b: 1 }, { b: 1 }] })
  expect(failures('a: *nothing')[0]).toMatch(/^SYNTAX_ERROR x\.yaml:1:4/)
  const bomb = Array.from(
    { length: 20 },
    (_, i) =>
      `a${i}: &a${i} [${
        i === 0
          ? 'x'
          : Array(10)
              .fill(`*a${i - 1}`)
              .join(', ')
      }]`,
  ).join('\n')
  const startedAt = performance.now()
  expect(failures(bomb).some((failure) => failure.startsWith('SYNTAX_ERROR'))).toBe(true)
  expect(performance.now() - startedAt).toBeLessThan(10_000)
  expect(failures('a: &x [*x]')[0]).toMatch(/^SYNTAX_ERROR/)
  expect(failures(`${'['.repeat(50)}${']'.repeat(50)}`)[0]).toMatch(/levels/)
})

test('a text that is no YAML says so once, and gives no data', () => {
  const { part, errors } = readYaml('x.yaml', 'entities:\n  a: {key: string\n  b: [}\n')
  expect(errors.map((error) => [error.code, error.at])).toEqual([['SYNTAX_ERROR', 'x.yaml:3:3']])
  expect(part.data).toBeUndefined()
  expect(part.incomplete).toBe(true)
  expect(failures('a: 1\n---\nb: 2')).toHaveLength(1)
  expect(failures('a:\n\t- b')).toHaveLength(1)
  const [error] = readYaml('x.yaml', 'server: { port: ${PORT} }').errors
  expect(error?.remedy).toBe('Put a variable within { } or [ ] in quotes: "${NAME}".')
})

test('what YAML writes is read back', () => {
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.string({ unit: 'grapheme' }),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.string({ minLength: 1 }), tie('value'), { maxKeys: 4 }),
    ),
  })).value
  fc.assert(
    fc.property(fc.dictionary(fc.string({ minLength: 1 }), value, { maxKeys: 5 }), (data) => {
      const { part, errors } = readYaml('x.yaml', stringify(data, { aliasDuplicateObjects: false }))
      expect(errors).toEqual([])
      expect(JSON.stringify(part.data ?? {})).toBe(JSON.stringify(data))
    }),
  )
})
