import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const tsc = (...args: string[]): string => {
  const { stdout, stderr } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.', ...args], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 2 ** 20,
  })
  return `${stdout}${stderr}`
}

// Type tests (*.test-d.ts) are lines that must compile, and lines under @ts-expect-error that must not: the compiler
// runs them. It passes over a file that tsconfig.json does not include, hence the first test.
test('the compiler sees every type test', () => {
  const seen = tsc('--listFilesOnly')
  const typeTests = globSync('test/**/*.test-d.ts', { cwd: root })
  expect(typeTests.length).toBeGreaterThan(0)
  expect(typeTests.filter((path) => !seen.includes(path))).toEqual([])
})

test('the compiler finds nothing', () => {
  // As `npm run check` does it, which knows then what is right already.
  const kept = ['--incremental', '--tsBuildInfoFile', 'node_modules/.cache/types.tsbuildinfo']
  expect(tsc('--pretty', 'false', ...kept)).toBe('')
})
