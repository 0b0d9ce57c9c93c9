import { expect, test } from 'vitest'
import { difference, lastFrame } from './printed.ts'

const isSame = (shown: string, printed: string): boolean => difference(shown, printed, false) === undefined
const isSameJson = (shown: string, printed: string): boolean => difference(shown, printed, true) === undefined

test('… stands for anything within its line, and alone for lines', () => {
  expect(isSame('run_… ended', 'run_a1 ended\n')).toBe(true)
  expect(isSame('run_… ended', 'run_a1\nended\n')).toBe(false)
  expect(isSame('…\nend', 'a\nb\nend\n')).toBe(true)
  expect(isSame('…\nend', 'end\n')).toBe(true)
  expect(isSame('…\nend', 'a\nend\nb\n')).toBe(false)
  expect(isSame('a\n…', 'a\nb\nc\n')).toBe(true)
  expect(isSame('a (b)', 'a xbx\n')).toBe(false)
  expect(isSame('a.b', 'a-b\n')).toBe(false)
})

test('time and the spaces between columns may differ, nothing else', () => {
  expect(isSame('2 rows in 0.3 s (263 d ago)', '2 rows in 1,200 ms (3 years ago)\n')).toBe(true)
  expect(isSame('a  1 s  2', 'a  1000 s   2\n')).toBe(true)
  expect(isSame('2 rows in 0.3 s', '3 rows in 0.3 s\n')).toBe(false)
  expect(isSame('a b', 'a  b\n')).toBe(false)
  expect(isSame('a\n\nb', 'a\nb\n')).toBe(false)
  expect(isSame('a', 'a\nb\n')).toBe(false)
})

test('JSON is compared by value', () => {
  expect(isSameJson('{ "b": [1, "…"], "a": null }', '{"a":null,"b":[1,{"c":2}]}')).toBe(true)
  expect(isSameJson('{"id": "run_1", "rows": 2}', '{"id":"run_2","rows":2}')).toBe(true)
  expect(isSameJson('{"rows": 2}', '{"rows":"2"}')).toBe(false)
  expect(isSameJson('{"rows": 2}', '{"rows":2,"more":1}')).toBe(false)
  expect(isSameJson('{"rows": [1]}', '{"rows":{"0":1}}')).toBe(false)
  expect(isSameJson('[1, 2]', '[1]')).toBe(false)
  expect(isSameJson('{}', 'not JSON')).toBe(false)
})

test('lines that are drawn over are gone', () => {
  expect(lastFrame('head\na 1 %\n\u001b[1A\u001b[0Ja 50 %\nb 1 %\n\u001b[2A\u001b[0J\u001b[1mdone\u001b[22m\n')).toBe(
    'head\ndone\n',
  )
})
