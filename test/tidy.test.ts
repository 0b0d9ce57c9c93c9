import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { renderErrorPage } from '../scripts/error-page.ts'
import { errorTable } from '../src/kernel/errors.ts'
import { describeBreach } from './tidy/breach.ts'
import { floorOf } from './tidy/floors.ts'
import { parseHouse, readTree } from './tidy/house.ts'
import { importsOf } from './tidy/imports.ts'
import { laws } from './tidy/laws.ts'

const tree = readTree(fileURLToPath(new URL('..', import.meta.url)))
const house = parseHouse(tree)

describe('the house', () => {
  // A checker that sees no files finds no faults.
  test('is seen at all', () => {
    const rooms = new Set([...house.sources.keys()].map((path) => /^src\/([^/]+)/.exec(path)?.[1]))
    expect([...floorOf.keys()].filter((room) => rooms.has(room)).length).toBeGreaterThan(0)
    expect([...house.sources.values()].flatMap(importsOf).length).toBeGreaterThan(100)
    expect(house.sources.has('test/tidy.test.ts')).toBe(true)
    expect(tree.has('package.json')).toBe(true)
  })

  test.each(laws)('$name: $demands', ({ check }) => {
    expect(check(house).map(describeBreach)).toEqual([])
  })

  test('docs/reference/errors.md is what npm run docs writes', () => {
    expect(tree.get('docs/reference/errors.md')).toBe(renderErrorPage(errorTable))
  })
})
