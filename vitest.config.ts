import { fileURLToPath } from 'node:url'
import { configDefaults, defineConfig } from 'vitest/config'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  resolve: {
    // The package as its users name it, without a build.
    alias: [
      { find: /^provender$/, replacement: here('src/index.ts') },
      { find: /^provender\/testing$/, replacement: here('src/testing/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, 'test/long/**'],
    reporters: ['default', here('test/support/count-reporter.ts')],
    pool: 'forks',
    execArgv: ['--disable-warning=ExperimentalWarning', '--conditions=provender-source'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
