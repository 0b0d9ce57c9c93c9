import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')

/** How many histories of each simulation are lived through here, where `npm test` has time for a few of one seed. */
const simulations = [
  { file: 'embedded', histories: 120 },
  { file: 'online-equals-history', histories: 4000 },
  { file: 'several-processes', histories: 1500 },
  { file: 'never-blank', histories: 2500 },
] as const

// Each keeps one core busy.
test.for(simulations)('$histories histories of $file, of another seed each time', { concurrent: true }, async (one) => {
  const { file, histories } = one
  const seed = String(process.env['SIMULATION_SEED'] ?? Date.now() % 2_147_483_647)
  console.log(`SIMULATION_SEED=${seed} HISTORIES=${histories} npm test -- test/simulation/${file}.test.ts`)
  const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', `test/simulation/${file}.test.ts`]
  const child = spawn(process.execPath, [...vitest, '--testTimeout=500000'], {
    cwd: root,
    env: { ...process.env, SIMULATION_SEED: seed, HISTORIES: String(histories) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit') as Promise<[number | null]>
  const [stdout, [status]] = [await text(child.stdout), await ended]
  expect([status, status === 0 ? '' : stdout]).toEqual([0, ''])
  expect(stdout).toMatch(/^[1-9]\d* passed, 0 failed$/m)
})
