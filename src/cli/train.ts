import { extname, resolve } from 'node:path'
import type { CallOptions, HistoricalOptions, Spine, Store, Table } from '../contract/store.ts'
import { fail } from '../kernel/errors.ts'
import { given, newCommand, wholeNumber } from './command.ts'
import { counted, secondsText } from './number-text.ts'
import { checkThere } from './read-rows.ts'
import type { Session } from './session.ts'
import { printedTable, streamCsv } from './train-output.ts'

interface TrainOptions {
  readonly spine?: string | undefined
  readonly events?: string | undefined
  readonly snapshot?: string | undefined
  readonly out?: string | undefined
  readonly timestamp?: string | undefined
  readonly knownBy?: 'spine' | undefined
  readonly asOf?: string | undefined
  readonly fullNames?: true | undefined
  readonly includeExpired?: true | undefined
  readonly registryVersion?: number | undefined
}

/** `train`: a training set for a spine, or all rows of an interval, or the latest row of every entity. */
export function trainCommand(session: Session) {
  return newCommand('train')
    .description('Build a training set: for each row of the spine, the features as they were known at its timestamp.')
    .argument('<references...>', 'feature references: a service, a view or view:feature')
    .option('--spine <file>', 'the rows to build for: join keys and a timestamp, as .parquet, .csv or .jsonl')
    .option('--events <start..end>', 'instead of a spine: every row with an event time in [start, end)')
    .option('--snapshot <instant>', 'instead of a spine: the latest row of every entity then')
    .option('--out <file>', 'where to: .parquet, .csv or .jsonl; without it a table, or CSV where there is no terminal')
    .option('--timestamp <column>', 'the spine’s timestamp column; otherwise event_timestamp, or the only timestamp')
    .option('--known-by <whom>', 'spine: only what was known at the spine row’s own instant', knownByOf)
    .option('--as-of <instant>', 'only what was known then: the same training set as built at that time')
    .option('--full-names', 'name features view__feature')
    .option('--include-expired', 'with --snapshot: rows older than their ttl, too')
    .option('--registry-version <n>', 'by the definitions of that version', wholeNumber)
    .action(async (references, options) => {
      const startedAt = performance.now()
      const write = writerOf(options.out)
      const read = await readingOf(options)
      const store = await session.store()
      await using table = await read(store, references, session.call)
      for (const note of table.notes) session.note(note)
      if (write === undefined || options.out === undefined) {
        await printTable(session, table, startedAt)
        return
      }
      const rows = await write(table, resolve(options.out))
      const seconds = (performance.now() - startedAt) / 1000
      const columns = table.fields.map((field) => field.name)
      await session.print({
        json: { rows, columns, seconds, out: options.out, notes: table.notes },
        text: () => {
          session.terminal.say(
            `${session.terminal.err.colours.green('✓')} ${counted(rows, 'row')} of ${counted(columns.length, 'column')} in ${options.out} (${secondsText(seconds)})`,
          )
          return ''
        },
        next: 'provender materialize',
      })
    })
}

function knownByOf(text: string): 'spine' {
  if (text !== 'spine') throw fail('USAGE', `--known-by is spine, not "${text}"`)
  return text
}

type Reading = (store: Store, references: readonly string[], call: CallOptions) => Promise<Table>

/** What is to be read, checked before a store is opened. @throws USAGE. */
async function readingOf(options: TrainOptions): Promise<Reading> {
  const { spine, events, snapshot, asOf, fullNames } = options
  const modes = [spine, events, snapshot].filter((mode) => mode !== undefined)
  if (modes.length !== 1)
    throw fail(
      'USAGE',
      modes.length === 0 ? 'There is no spine' : '--spine, --events and --snapshot exclude one another',
      { remedy: 'Give one of --spine FILE, --events START..END and --snapshot INSTANT.' },
    )
  const only = (names: readonly (keyof TrainOptions)[], mode: string): void => {
    const stray = names.find((name) => options[name] !== undefined)
    if (stray !== undefined)
      throw fail('USAGE', `--${stray.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} goes with ${mode}`)
  }
  if (snapshot === undefined) only(['includeExpired'], '--snapshot')
  if (spine === undefined) only(['timestamp', 'knownBy', 'registryVersion'], '--spine')
  if (spine !== undefined) {
    await checkThere(spine)
    const file = spineOf(resolve(spine))
    const { timestamp, knownBy, registryVersion } = options
    const historical: HistoricalOptions = given({ timestamp, knownBy, asOf, fullNames, registryVersion })
    return (store, references, call) => store.historical(references, file, { ...historical, ...call })
  }
  if (snapshot !== undefined) {
    const { includeExpired } = options
    return (store, references, call) =>
      store.snapshot(references, { at: snapshot, ...given({ asOf, fullNames, includeExpired }), ...call })
  }
  const [start, end, ...more] = events?.split('..') ?? []
  if (start === undefined || start === '' || end === undefined || end === '' || more.length > 0)
    throw fail('USAGE', `"${events}" is not START..END`, {
      remedy: 'Write for example --events 2001-06-01..2001-07-01.',
    })
  return (store, references, call) => store.events(references, { start, end, ...given({ asOf, fullNames }), ...call })
}

function spineOf(path: string): Spine {
  switch (formatBySuffix(path)) {
    case 'parquet':
      return { parquet: path }
    case 'csv':
      return { csv: path }
    case 'ndjson':
      return { ndjson: path }
  }
}

/** How a file is written, by its suffix; undefined without one. @throws USAGE. */
function writerOf(out: string | undefined): ((table: Table, path: string) => Promise<number>) | undefined {
  if (out === undefined) return undefined
  switch (formatBySuffix(out)) {
    case 'parquet':
      return (table, path) => table.toParquet(path)
    case 'csv':
      return (table, path) => table.toCsv(path)
    case 'ndjson':
      return (table, path) => table.toNdjson(path)
  }
}

function formatBySuffix(file: string): 'parquet' | 'csv' | 'ndjson' {
  switch (extname(file).toLowerCase()) {
    case '.parquet':
      return 'parquet'
    case '.csv':
      return 'csv'
    case '.jsonl':
    case '.ndjson':
      return 'ndjson'
    default:
      throw fail('USAGE', `The format of ${file} cannot be told by its name`, {
        remedy: 'Use a name in .parquet, .csv or .jsonl.',
      })
  }
}

/** Without --out: the first rows on a terminal, all as CSV elsewhere, and with --json all as columns. */
async function printTable(session: Session, table: Table, startedAt: number): Promise<void> {
  const { terminal } = session
  if (session.json || terminal.out.isTerminal)
    await session.print(await printedTable(table, { stream: terminal.out, json: session.json, startedAt }))
  else await streamCsv(table, terminal)
}
