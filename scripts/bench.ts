// npm run bench -- NAME: one scenario of bench/. Never a part of the tests.
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { dataDir } from '../bench/harness/data-file.ts'
import { runScenario } from '../bench/harness/run-scenario.ts'
import type { Scenario } from '../bench/harness/scenario.ts'
import { root } from './steps.ts'

const usage = `usage: npm run bench -- NAME [--quick] [--rounds N] [--out FILE] [--against FILE] [--SIZE N …]
       npm run bench -- --clean    removes the data that runs have made
  --quick    a small size, to see that it works
  --out      where the run is written as JSON (default: bench/results/)
  --against  the run to compare with (default: the newest one of the same size)
`

const [name, ...args] = process.argv.slice(2)
if (name === '--clean') rmSync(dataDir, { recursive: true, force: true })
else if (name === undefined || !scenarios().includes(name)) {
  process.stderr.write(`${usage}scenarios: ${scenarios().join(', ')}\n`)
  process.exitCode = 2
} else process.exitCode = await bench(name, args)

function scenarios(): string[] {
  const known = existsSync(join(root, 'bench')) ? readdirSync(join(root, 'bench')) : []
  return known
    .filter((entry) => entry.endsWith('.ts') && !entry.startsWith('.'))
    .map((entry) => entry.slice(0, -'.ts'.length))
}

async function bench(scenarioName: string, rest: readonly string[]): Promise<number> {
  const { scenario } = (await import(join(root, 'bench', `${scenarioName}.ts`))) as { scenario: Scenario }
  const sizes = Object.keys(scenario.full)
  try {
    const { values } = parseArgs({
      args: [...rest],
      options: {
        quick: { type: 'boolean', default: false },
        ...Object.fromEntries(
          ['rounds', 'out', 'against', ...sizes].map((each) => [each, { type: 'string' as const }]),
        ),
      },
    })
    const given = new Map(Object.entries(values).map(([option, value]) => [option, String(value)]))
    const [rounds, out, against] = [given.get('rounds'), given.get('out'), given.get('against')]
    const report = await runScenario(root, scenarioName, scenario, {
      quick: values.quick === true,
      size: Object.fromEntries(sizes.filter((each) => given.has(each)).map((each) => [each, Number(given.get(each))])),
      ...(rounds === undefined ? {} : { rounds: Number(rounds) }),
      ...(out === undefined ? {} : { out }),
      ...(against === undefined ? {} : { against }),
    })
    process.stdout.write(`${report}\n`)
    return 0
  } catch (thrown) {
    if (!(thrown instanceof TypeError) || !('code' in thrown)) throw thrown
    process.stderr.write(`${thrown.message}\n${usage}sizes of ${scenarioName}: ${sizes.join(', ')}\n`)
    return 2
  }
}
