import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')

/** How many histories of each simulation are lived through here, where `npm test` has time for a few of one seed. */
const simulations = [
  { file: 'embedded', histories: 120 },
  { file: 'online-equals-history', histories: 4000 },
  { file: 'several-processes', histories: 1500 },
  { file: 'never-blank', histories: 2500 },
] as const

test.for(simulations)('$histories histories of $file, of another seed each time', ({ file, histories }) => {
  const seed = String(process.env['SIMULATION_SEED'] ?? Date.now() % 2_147_483_647)
  console.log(`SIMULATION_SEED=${seed} HISTORIES=${histories} npm test -- test/simulation/${file}.test.ts`)
  const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', `test/simulation/${file}.test.ts`]
  const ended = spawnSync(process.execPath, [...vitest, '--testTimeout=500000'], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, SIMULATION_SEED: seed, HISTORIES: String(histories) },
  })
  expect([ended.status, ended.status === 0 ? '' : ended.stdout]).toEqual([0, ''])
  expect(ended.stdout).toMatch(/^[1-9]\d* passed, 0 failed$/m)
})
