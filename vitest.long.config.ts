import { configDefaults, defineConfig } from 'vitest/config'
import short from './vitest.config.ts'

// What takes minutes: `npm run test:long`. One file after another, each with all cores.
const { projects: _, ...shared } = short.test ?? {}

export default defineConfig({
  ...short,
  test: {
    ...shared,
    globalSetup: ['test/support/temporary-folder.ts'],
    include: ['test/long/**/*.test.ts'],
    exclude: configDefaults.exclude,
    fileParallelism: false,
    testTimeout: 600_000,
  },
})
