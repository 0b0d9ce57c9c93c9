import type { FigureResult, Result } from './results.ts'
import type { Figure, Goal } from './scenario.ts'
import { spreadOf } from './statistics.ts'

/** A run as text: one line per figure, with what it was in an earlier run. */
export function reportText(result: Result, figures: readonly Figure[], earlier: Result | undefined): string {
  const rounds = Math.max(0, ...result.figures.map((f) => f.ours.length))
  const lines = table([
    ['', 'ours', 'baseline', 'ratio (min–max)', 'goal', ...(earlier === undefined ? [] : ['before'])],
    ...tableRows(result, figures).map((cells, i) => {
      const found = result.figures[i]
      if (earlier === undefined || found === undefined) return cells
      return [
        ...cells,
        beforeCell(
          found,
          earlier.figures.find(({ name }) => name === found.name),
        ),
      ]
    }),
  ])
  return [
    `${result.scenario} · ${result.about}`,
    machineText(result),
    '',
    ...lines,
    '',
    `${rounds} round${rounds === 1 ? '' : 's'}, the sides in turn; medians, and ratios within a round.${isBusy(result) ? ' The machine was busy: trust CPU and ratios, not wall clock.' : ''}`,
    ...(earlier === undefined ? [] : [`before: ${earlier.at}, commit ${earlier.machine.commit}`]),
  ].join('\n')
}

/** Where a run was made, and how busy it was there. */
export const machineText = ({ machine, load }: Result): string =>
  `${machine.cpu}, ${machine.cores} cores, ${valueText(machine.memoryBytes, 'B')}, ${machine.platform}, Node ${machine.node}, commit ${machine.commit}, load ${load[0]} → ${load[1]}`

/** Whether the machine had other things to do as well. */
export const isBusy = ({ machine, load }: Result): boolean => load[0] > machine.cores / 2

/** A row for each figure: its name, ours, the baseline, the ratio with its spread, the goals and whether they are met. */
export const tableRows = (result: Result, figures: readonly Figure[]): string[][] =>
  result.figures.map((found) => figureCells(found, figures.find(({ name }) => name === found.name)?.goals ?? []))

function figureCells(found: FigureResult, goals: readonly Goal[]): string[] {
  const ours = spreadOf(found.ours)
  const widest = Math.max(ours.max / ours.median - 1, 1 - ours.min / ours.median) * 100
  const spread = found.ours.length > 1 ? ` (±${widest.toFixed(0)} %)` : ''
  if (found.baseline.length === 0)
    return [found.name, `${valueText(ours.median, found.unit)}${spread}`, '', '', goalsText(goals, found, undefined)]
  const ratio = spreadOf(ratiosOf(found))
  return [
    found.name,
    valueText(ours.median, found.unit),
    valueText(spreadOf(found.baseline).median, found.unit),
    `${ratio.median.toFixed(2)} × (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})`,
    goalsText(goals, found, ratio.median),
  ]
}

const ratiosOf = (found: FigureResult): number[] =>
  found.ours.map((value, i) => value / (found.baseline[i] ?? Number.NaN))

function goalsText(goals: readonly Goal[], found: FigureResult, ratio: number | undefined): string {
  return goals
    .map((goal) => {
      const value = goal.of === 'ratio' ? (ratio ?? Number.NaN) : spreadOf(found.ours).median
      const limit = goal.atMost ?? goal.atLeast ?? Number.NaN
      const met = goal.atMost === undefined ? value >= limit : value <= limit
      const text = goal.of === 'ratio' ? `${limit} ×` : valueText(limit, found.unit)
      const by = Math.abs(value / limit - 1) * 100
      return `${goal.atMost === undefined ? '≥' : '≤'} ${text} ${met ? 'met' : `MISSED by ${by.toFixed(0)} %`}`
    })
    .join(', ')
}

function beforeCell(found: FigureResult, was: FigureResult | undefined): string {
  if (was === undefined || was.ours.length === 0) return ''
  const [now, then] = [spreadOf(found.ours).median, spreadOf(was.ours).median]
  const change = (now / then - 1) * 100
  const ratio = was.baseline.length === 0 ? '' : `, ${spreadOf(ratiosOf(was)).median.toFixed(2)} ×`
  return `${valueText(then, found.unit)}${ratio} (now ${change < 0 ? '−' : '+'}${Math.abs(change).toFixed(0)} %)`
}

const prefixes: readonly (readonly [number, string])[] = [
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'K'],
  [1, ''],
  [1e-3, 'm'],
  [1e-6, 'µ'],
  [1e-9, 'n'],
]

/** A number of things: 10 M. */
export const countText = (count: number): string => valueText(count, '')

/** A value with its unit, three digits of it. */
export function valueText(value: number, unit: string): string {
  if (unit === 's' && value >= 1) return `${digits(value)} s`
  const [scale, prefix] = prefixes.find(([each]) => Math.abs(value) >= each) ?? [1, '']
  return `${digits(value / scale)} ${prefix}${prefix !== '' && unit.includes('/') && !unit.startsWith('s/') ? ' ' : ''}${unit}`.trim()
}

const digits = (value: number): string => String(Number(value.toPrecision(3)))

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
