import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

/** A tool of node_modules to run: its name for people, its JavaScript file, its arguments. */
export type Step = { readonly name: string; readonly file: string; readonly args: readonly string[] }

/** Runs one tool on this Node, its output passed through; true if it ended well. */
export function run(step: Step): boolean {
  const startedAt = performance.now()
  const { status } = spawnSync(process.execPath, [step.file, ...step.args], { cwd: root, stdio: ['ignore', 2, 2] })
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  process.stderr.write(`${status === 0 ? 'ok    ' : 'FAILED'} ${step.name} (${seconds} s)\n`)
  return status === 0
}
