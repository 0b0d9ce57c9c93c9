import type { Run } from '../contract/store.ts'
import { given, newCommand } from './command.ts'
import { counted, secondsText } from './number-text.ts'
import { watchProgress } from './progress.ts'
import { runsTable } from './runs-table.ts'
import type { Session } from './session.ts'

/** `materialize`: runs views and waits for their end. */
export function materializeCommand(session: Session) {
  return newCommand('materialize')
    .description('Compute views from their history and bring them online: what is new since the last time, up to now.')
    .argument('[views...]', 'names of views; all online views when none is given')
    .option('--start <instant>', 'read again from there, covered or not')
    .option('--end <instant>', 'up to there, not including it')
    .option('--since <duration>', 'like --start, that long ago: 7d, 12h')
    .option('--repair', 'build everything anew, and switch when it is complete')
    .action(async (views, { start, end, since, repair }) => {
      const store = await session.store()
      const progress = watchProgress(session.terminal)
      const done = new Set<string>()
      let runs: Run[]
      try {
        runs = await store.materialize(views.length === 0 ? undefined : views, {
          ...session.call,
          ...given({ start, end, since, repair }),
          onProgress: (told) => {
            progress.report(told)
            if (told.phase !== 'done') return
            done.add(told.view)
            session.kept = `${[...done].join(', ')} ${done.size === 1 ? 'is' : 'are'} materialized`
          },
        })
      } finally {
        progress.end()
      }
      for (const { view, notes } of runs) for (const note of notes) session.note(`${view}: ${note}`)
      await session.print({
        json: { runs },
        text: async () =>
          runs.length === 0 && session.terminal.out.isTerminal
            ? 'No view is online, so there is nothing to materialize.\n'
            : `${await runsTable(runs, session.terminal.out)}${session.terminal.out.isTerminal ? sumOf(runs) : ''}`,
        next: await nextOf(session, runs),
      })
    })
}

function sumOf(runs: readonly Run[]): string {
  const rows = runs.reduce((sum, run) => sum + run.rows, 0)
  const seconds = runs.reduce((sum, run) => sum + run.seconds, 0)
  return `${counted(runs.length, 'run')}, ${counted(rows, 'row')} in ${secondsText(seconds)}\n`
}

/** A read of what is online now. */
async function nextOf(session: Session, runs: readonly Run[]): Promise<string | undefined> {
  const view = runs[0]?.view
  if (session.json) return undefined
  if (view === undefined) return 'provender ls views'
  const store = await session.store()
  const { entityWords } = await import('./entity-words.ts')
  return `provender get ${view}${entityWords(await session.head(store), view)}`
}
