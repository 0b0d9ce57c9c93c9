import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Machine } from './machine.ts'
import type { Size } from './scenario.ts'

/** One run of a scenario, as it is written. */
export interface Result {
  readonly scenario: string
  readonly about: string
  readonly at: string
  readonly size: Size
  readonly machine: Machine
  /** Load average before and after. */
  readonly load: readonly [number, number]
  readonly figures: readonly FigureResult[]
}

/** A figure's values, one per round; `baseline` is empty where there is none. */
export interface FigureResult {
  readonly name: string
  readonly unit: string
  readonly ours: readonly number[]
  readonly baseline: readonly number[]
}

export function writeResult(path: string, result: Result): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${JSON.stringify(result, null, 1)}\n`)
}

export const readResult = (path: string): Result => JSON.parse(readFileSync(path, 'utf8')) as Result

/** The newest run of a scenario of the same size in a folder. */
export function newestResult(dir: string, scenario: string, size: Size): Result | undefined {
  if (!existsSync(dir)) return undefined
  return readdirSync(dir)
    .filter((name) => name.endsWith('.json'))
    .map((name) => readResult(join(dir, name)))
    .filter((each) => each.scenario === scenario && isSameSize(each.size, size))
    .toSorted((a, b) => (a.at < b.at ? 1 : -1))[0]
}

const isSameSize = (a: Size, b: Size): boolean => Object.keys({ ...a, ...b }).every((name) => a[name] === b[name])
