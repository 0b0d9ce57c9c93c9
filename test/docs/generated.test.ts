import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { generatedPages } from '../../scripts/reference/pages.ts'
import { root } from '../../scripts/steps.ts'

test.each([...generatedPages])('%s is what npm run docs writes', async (path, text) => {
  expect(readFileSync(join(root, path), 'utf8')).toBe(await text())
})

test('every page of the reference is generated, or held to what it tells by a test of its own', () => {
  const pages = readdirSync(join(root, 'docs/reference')).map((name) => `docs/reference/${name}`)
  // test/server/metrics.test.ts compares it with what a server tells.
  const own = ['docs/reference/metrics.md']
  expect(pages.filter((path) => !generatedPages.has(path) && !own.includes(path))).toEqual([])
})
