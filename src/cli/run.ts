import type { Run } from '../contract/store.ts'
import { newCommand } from './command.ts'
import { type Facts, factsText } from './facts-text.ts'
import { secondsText } from './number-text.ts'
import { progressText } from './progress.ts'
import type { Session } from './session.ts'
import type { Stream } from './terminal.ts'

/** `run`: one materialization, shown or cancelled. */
export function runCommand(session: Session) {
  return newCommand('run')
    .description('Show one materialization, or cancel it.')
    .argument('<id>', 'as runs lists it')
    .option('--cancel', 'end it; what it has covered stays')
    .action(async (id, { cancel }) => {
      const store = await session.store()
      const run = cancel === true ? await store.cancelRun(id, session.call) : await store.run(id, session.call)
      await session.print({
        json: run,
        text: () => factsText(`run ${run.id}`, factsOf(run, session.terminal.out), session.terminal.out),
        next: nextOf(run),
      })
    })
}

/** On a terminal what the heading says is not said again. */
function factsOf(run: Run, { isTerminal }: Stream): Facts {
  if (!isTerminal) return { ...run }
  const { id: _id, kind: _kind, seconds, progress, ...facts } = run
  return {
    ...facts,
    ...(progress === undefined ? {} : { progress: progressText(progress) }),
    took: secondsText(seconds),
  }
}

function nextOf({ id, view, state, error }: Run): string {
  if (state === 'running' || state === 'queued') return `provender run ${id} --cancel`
  if (state === 'failed' && error !== undefined) return `provender explain ${error.code}`
  return state === 'cancelled' ? `provender materialize ${view}` : `provender show ${view}`
}
