import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const marker = 'TESTS_HAVE_ONE_FOLDER'

/**
 * Vitest's global setup of all tests: has them make their temporary folders in one, which goes with the run, however that ends
 * (Ctrl-C ends tests in the midst of what they do, and cleans up nothing of theirs).
 */
export function setup(): void {
  // Each project asks for it, and so does a run that a test starts.
  if (process.env[marker] !== undefined) return
  const folder = mkdtempSync(join(tmpdir(), 'provender-'))
  // Servers that refuse to be root have theirs in there.
  chmodSync(folder, 0o755)
  process.env[marker] = folder
  process.env['TMPDIR'] = folder
  process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }))
}
