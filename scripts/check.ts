// Everything that reads the code without running it. All steps run, so that one look shows every complaint.
import { run } from './steps.ts'
import type { Step } from './steps.ts'

/** Kept, so that a check of what was checked takes a second: the tests look at types too. */
const kept = ['--incremental', '--tsBuildInfoFile', 'node_modules/.cache/types.tsbuildinfo']

const steps: readonly Step[] = [
  { name: 'types', file: 'node_modules/typescript/bin/tsc', args: ['-p', '.', ...kept] },
  { name: 'lint', file: 'node_modules/oxlint/bin/oxlint', args: [] },
  { name: 'format', file: 'node_modules/oxfmt/bin/oxfmt', args: ['--check'] },
  { name: 'dead code', file: 'node_modules/knip/bin/knip.js', args: ['--no-progress'] },
  { name: 'build', file: 'scripts/build.ts', args: [] },
  { name: 'package', file: 'node_modules/publint/src/cli.js', args: ['--strict', '--pack', 'npm'] },
]

const failed = steps.filter((step) => !run(step)).map((step) => step.name)
if (failed.length > 0) {
  process.stderr.write(`check failed: ${failed.join(', ')}\n`)
  process.exitCode = 1
}
