import type { Run } from '../contract/store.ts'
import { fail } from '../kernel/errors.ts'
import { given, newCommand, wholeNumber } from './command.ts'
import { runsTable } from './runs-table.ts'
import type { Session } from './session.ts'

const states: readonly Run['state'][] = ['queued', 'running', 'succeeded', 'failed', 'cancelled']

/** `runs`: what was materialized, newest first. */
export function runsCommand(session: Session) {
  return newCommand('runs')
    .description('List materializations, newest first.')
    .option('--view <name>', 'only of this view')
    .option('--state <state>', `only in this state: ${states.join(', ')}`, stateOf)
    .option('--limit <n>', 'at most this many', wholeNumber)
    .action(async (query) => {
      const store = await session.store()
      const runs = await store.runs(given(query), session.call)
      const failed = runs.find((run) => run.state === 'failed') ?? runs[0]
      await session.print({
        json: { runs },
        text: () =>
          runs.length === 0 && session.terminal.out.isTerminal
            ? Object.keys(query).length === 0
              ? 'Nothing has run yet.\n'
              : 'There is no such run.\n'
            : runsTable(runs, session.terminal.out),
        next: failed === undefined ? 'provender materialize' : `provender run ${failed.id}`,
      })
    })
}

function stateOf(text: string): Run['state'] {
  const state = states.find((each) => each === text)
  if (state === undefined)
    throw fail('USAGE', `There is no state "${text}"`, { remedy: `The states: ${states.join(', ')}.` })
  return state
}
