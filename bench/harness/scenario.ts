/** Numbers that say how big a scenario is, by name; each may be given on the command line. */
export type Size = Readonly<Record<string, number>>

/** A goal, judged by the median over the rounds. A ratio is ours / baseline. */
export interface Goal {
  readonly of: 'ratio' | 'ours'
  readonly atMost?: number
  readonly atLeast?: number
}

/** One line of the report. Values are in seconds, bytes or things per second; `unit` is `s`, `B`, or such as `rows/s`. */
export interface Figure {
  readonly name: string
  readonly unit: string
  readonly goals?: readonly Goal[]
}

/** What one round found of a figure. `baseline` is left out where there is nothing to compare with. */
export interface Measured {
  readonly ours: number
  readonly baseline?: number
}

/** A scenario that is ready to be measured. */
export interface Started extends AsyncDisposable {
  /** Measures both sides once; `turn` counts from 0. Answers figures by name. */
  round(turn: number): Promise<Readonly<Record<string, Measured>>>
}

/** What a file `bench/NAME.ts` exports as `scenario`. */
export interface Scenario {
  /** One line for the head of the report. */
  readonly about: (size: Size) => string
  readonly full: Size
  readonly quick: Size
  readonly rounds: number
  readonly figures: readonly Figure[]
  start(size: Size): Promise<Started>
}

/** Runs ours and the baseline one after the other, and the other way round in every other turn, so that neither always has the warmer machine. */
export async function inTurn<A, B>(
  turn: number,
  ours: () => Promise<A>,
  baseline: () => Promise<B>,
): Promise<{ ours: A; baseline: B }> {
  if (turn % 2 === 0) {
    const first = await ours()
    return { ours: first, baseline: await baseline() }
  }
  const first = await baseline()
  return { ours: await ours(), baseline: first }
}

/** A number of the size. */
export function sizeOf(size: Size, name: string): number {
  const value = size[name]
  if (value === undefined) throw new Error(`The scenario has no size "${name}"`)
  return value
}
