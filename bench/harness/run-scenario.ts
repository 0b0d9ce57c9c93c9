import { join } from 'node:path'
import { loadNow, thisMachine } from './machine.ts'
import { reportText } from './report.ts'
import { type FigureResult, type Result, newestResult, readResult, writeResult } from './results.ts'
import type { Measured, Scenario, Size } from './scenario.ts'

/** What the command line says of a run. */
export interface RunOptions {
  readonly quick: boolean
  /** Numbers that replace those of the size. */
  readonly size: Size
  readonly rounds?: number
  /** Where the run is written. */
  readonly out?: string
  /** The run to compare with; default: the newest of the scenario and size. */
  readonly against?: string
}

/** Runs a scenario, writes what was found, and answers the report. */
export async function runScenario(
  root: string,
  name: string,
  scenario: Scenario,
  options: RunOptions,
): Promise<string> {
  const size = { ...(options.quick ? scenario.quick : scenario.full), ...options.size }
  const dir = join(root, 'bench', 'results')
  const earlier = options.against === undefined ? newestResult(dir, name, size) : readResult(options.against)
  const before = loadNow()
  const rounds: Readonly<Record<string, Measured>>[] = []
  const count = options.rounds ?? (options.quick ? Math.min(2, scenario.rounds) : scenario.rounds)
  process.stderr.write(`${name}: preparing\n`)
  await using started = await scenario.start(size)
  for (let turn = 0; turn < count; turn++) {
    process.stderr.write(`${name}: round ${turn + 1} of ${count}\n`)
    rounds.push(await started.round(turn))
  }
  const result: Result = {
    scenario: name,
    about: scenario.about(size),
    at: new Date().toISOString(),
    size,
    machine: thisMachine(root),
    load: [before, loadNow()],
    figures: scenario.figures.flatMap((figure) => figureResult(figure, rounds)),
  }
  writeResult(options.out ?? join(dir, `${name}-${result.at.replaceAll(/[:.]/g, '-')}.json`), result)
  return reportText(result, scenario.figures, earlier)
}

function figureResult(
  { name, unit }: { readonly name: string; readonly unit: string },
  rounds: readonly Readonly<Record<string, Measured>>[],
): FigureResult[] {
  const found = rounds.flatMap((round) => round[name] ?? [])
  if (found.length === 0) return []
  return [{ name, unit, ours: found.map((f) => f.ours), baseline: found.flatMap((f) => f.baseline ?? []) }]
}
