import type { Run } from '../contract/store.ts'
import { ageOfText } from './age.ts'
import { numberText, secondsText } from './number-text.ts'
import { tableText } from './table.ts'
import type { Stream } from './terminal.ts'

/** Runs as a table: short on a terminal, every field in CSV. */
export function runsTable(runs: readonly Run[], stream: Stream): Promise<string> {
  if (!stream.isTerminal)
    return tableText({ columns: csvColumns.map((name) => ({ name })), rows: runs.map(csvRow) }, stream)
  const counts = counted.filter(
    (name) => name === 'rows' || runs.some((run) => run[name] > 0 && run[name] !== run.rows),
  )
  const numbers = [...counts, 'took'].map((name) => ({ name, right: true }))
  const columns = [{ name: 'view' }, { name: 'state' }, ...numbers, { name: 'started' }, { name: 'run' }]
  const rows = runs.map((run) => [
    run.view,
    stateOf(run),
    ...counts.map((name) => numberText(run[name])),
    secondsText(run.seconds),
    ageOfText(run.startedAt),
    run.id,
  ])
  return tableText({ columns, rows }, stream)
}

/** What is counted of a run; on a terminal a column that says nothing but zeros, or the same as `rows`, is left out. */
const counted = ['rows', 'written', 'superseded', 'skipped'] as const

/** `▸ running 40 %` where that is known. */
function stateOf({ state, progress }: Run): string {
  const fraction = progress?.fraction ?? null
  const share = fraction === null ? '' : ` ${Math.floor(fraction * 100)} %`
  return `${icons[state]} ${state}${share}`
}

const csvColumns = [
  'id',
  'view',
  'state',
  'start',
  'end',
  'rows',
  'written',
  'superseded',
  'skipped',
  'started_at',
  'seconds',
  'error',
]

function csvRow(run: Run): (string | null)[] {
  const numbers = [run.rows, run.written, run.superseded, run.skipped].map(String)
  return [
    run.id,
    run.view,
    run.state,
    run.interval[0],
    run.interval[1],
    ...numbers,
    run.startedAt,
    String(run.seconds),
    run.error?.code ?? null,
  ]
}

const icons = Object.freeze({ queued: '·', running: '▸', succeeded: '✓', failed: 'x', cancelled: '-' } as const)
