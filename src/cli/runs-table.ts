import type { Run } from '../contract/store.ts'
import { ageOfText } from './age.ts'
import { numberText, secondsText } from './number-text.ts'
import { tableText } from './table.ts'
import type { Stream } from './terminal.ts'

/** Runs as a table: short on a terminal, every field in CSV. */
export function runsTable(runs: readonly Run[], stream: Stream): Promise<string> {
  if (!stream.isTerminal)
    return tableText({ columns: csvColumns.map((name) => ({ name })), rows: runs.map(csvRow) }, stream)
  const numbers = ['rows', 'written', 'superseded', 'skipped', 'seconds'].map((name) => ({ name, right: true }))
  const columns = [{ name: 'view' }, { name: 'state' }, ...numbers, { name: 'started' }, { name: 'run' }]
  const rows = runs.map((run) => [
    run.view,
    `${icons[run.state]} ${run.state}`,
    numberText(run.rows),
    numberText(run.written),
    numberText(run.superseded),
    numberText(run.skipped),
    secondsText(run.seconds),
    ageOfText(run.startedAt),
    run.id,
  ])
  return tableText({ columns, rows }, stream)
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
