import type { SerializedError } from 'vitest'
import type { Reporter, TestModule } from 'vitest/node'

/**
 * Ends a test run with one line that people and CI read: `N passed, N failed`, with `, N skipped` if there are any.
 *
 * What fails outside of a test (a file that cannot be loaded, a hook, a rejection that nobody handled) counts as one
 * failure each, so that "0 failed" always means exit code 0.
 */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, unhandled: ReadonlyArray<SerializedError>): void {
    const counts = { passed: 0, failed: unhandled.length, skipped: 0 }
    for (const module of modules) {
      let failedTests = 0
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === 'failed') failedTests++
        else if (state === 'passed') counts.passed++
        else counts.skipped++
      }
      counts.failed += failedTests === 0 && module.state() === 'failed' ? 1 : failedTests
    }
    if (modules.length === 0) counts.failed++
    // After every other reporter's summary, also when it is written a tick later.
    process.once('exit', () => process.stdout.write(`${lineOf(counts)}\n`))
  }
}

function lineOf({ passed, failed, skipped }: { passed: number; failed: number; skipped: number }): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}
