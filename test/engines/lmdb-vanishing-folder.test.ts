import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const times = 1000

test('a folder that is moved away in the instant of opening does not end the process', { timeout: 120_000 }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'provender-vanish-'))
  try {
    const child = fileURLToPath(new URL('../support/lmdb-vanisher.ts', import.meta.url))
    const printed = execFileSync(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', child, dir, String(times)],
      {
        encoding: 'utf8',
      },
    )
    const { moved } = JSON.parse(printed) as { moved: number }
    expect(moved).toBeGreaterThan(times / 2)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})
