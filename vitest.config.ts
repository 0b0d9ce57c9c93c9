import { fileURLToPath } from 'node:url'
import { configDefaults, defineConfig } from 'vitest/config'
import { LongestFirst } from './test/support/longest-first.ts'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** Tests of what real servers do, which are started for them: PostgreSQL, Redis, Redis Cluster. */
const withServices = ['test/engines/{postgres,redis}-*.test.ts', 'test/production/**/*.test.ts']

const temporaryFolder = here('test/support/temporary-folder.ts')

export default defineConfig({
  resolve: {
    // The package as its users name it, without a build.
    alias: [
      { find: /^provender$/, replacement: here('src/index.ts') },
      { find: /^provender\/testing$/, replacement: here('src/testing/index.ts') },
    ],
  },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'alone',
          globalSetup: [temporaryFolder],
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, 'test/long/**', ...withServices],
        },
      },
      {
        extends: true,
        test: {
          name: 'services',
          include: withServices,
          globalSetup: [temporaryFolder, here('test/support/services.ts')],
        },
      },
    ],
    reporters: ['default', here('test/support/count-reporter.ts')],
    pool: 'forks',
    // As many files at once as Vitest takes by itself, one on two cores: with three, tests of leases and replicas failed now and then
    // for want of time. Within a file: each of these is several processes.
    maxConcurrency: 3,
    sequence: { sequencer: LongestFirst },
    execArgv: ['--disable-warning=ExperimentalWarning', '--conditions=provender-source'],
    testTimeout: 30_000,
    // What is waited for comes late on a busy machine; what never comes is told all the same.
    expect: { poll: { timeout: 10_000 } },
    hookTimeout: 60_000,
  },
})
