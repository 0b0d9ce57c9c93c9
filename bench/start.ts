import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Measured, type Scenario, inTurn, sizeOf } from './harness/scenario.ts'

const file = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url))

/** Runs a command so many times and has the shell say what its processes used. */
const loop = 'n=$1; shift; while [ "$n" -gt 0 ]; do "$@" >/dev/null || exit 1; n=$((n - 1)); done; times'

export const scenario: Scenario = {
  about: (size) =>
    `\`provender --help\` as it is published, and from the sources, against \`node -e 0\`; ${sizeOf(size, 'runs')} processes a round`,
  full: { runs: 40 },
  quick: { runs: 10 },
  rounds: 5,
  figures: [
    { name: 'CPU', unit: 's', goals: [{ of: 'ratio', atMost: 2.5 }] },
    { name: 'wall', unit: 's', goals: [{ of: 'ratio', atMost: 2.5 }] },
    { name: 'from the sources, CPU', unit: 's' },
  ],
  async start(size) {
    const runs = sizeOf(size, 'runs')
    // What is published is what was built last; build what is here.
    const built = spawnSync(process.execPath, [file('scripts/build.ts')], { stdio: ['ignore', 'ignore', 'inherit'] })
    if (built.status !== 0) throw new Error('The build failed')
    const node = (...args: string[]) => timed(runs, [process.execPath, ...args])
    // The first run fills the cache of compiled code.
    await node(file('bin/provender.js'), '--help')
    return {
      round: async (turn) => {
        const published = await inTurn(
          turn,
          () => node(file('bin/provender.js'), '--help'),
          () => node('-e', '0'),
        )
        const sources = await timed(runs, [file('bin/provender'), '--help'])
        const { ours, baseline } = published
        return {
          CPU: { ours: ours.cpuSeconds, baseline: baseline.cpuSeconds },
          wall: { ours: ours.wallSeconds, baseline: baseline.wallSeconds },
          'from the sources, CPU': { ours: sources.cpuSeconds, baseline: baseline.cpuSeconds },
        } satisfies Record<string, Measured>
      },
      [Symbol.asyncDispose]: async () => undefined,
    }
  },
}

/** What one of many runs of a command takes, on average. */
async function timed(runs: number, command: readonly string[]): Promise<{ cpuSeconds: number; wallSeconds: number }> {
  const startedMs = performance.now()
  const { stdout, status, stderr } = spawnSync('/bin/sh', ['-c', loop, 'sh', String(runs), ...command], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1' },
  })
  if (status !== 0) throw new Error(`${command.join(' ')} failed: ${stderr}`)
  const wallSeconds = (performance.now() - startedMs) / 1000 / runs
  // The second line is of the processes that the shell has waited for: user and system, as 0m1.234s.
  const times = [...(stdout.trim().split('\n').at(-1) ?? '').matchAll(/(\d+)m([\d.]+)s/g)]
  const cpuSeconds = times.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0) / runs
  return { cpuSeconds, wallSeconds }
}
