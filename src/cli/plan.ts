import { newCommand } from './command.ts'
import { planText } from './plan-text.ts'
import type { Session } from './session.ts'

/** Exit codes of `plan --exit-code`, for pipelines that wait for changes. */
const exits = Object.freeze({ changes: 10, breaking: 11 })

/** `plan`: the difference between the files and the registry, and its consequences. */
export function planCommand(session: Session) {
  return newCommand('plan')
    .description('Show how the definition files differ from the registry, and what follows from it.')
    .option(
      '--exit-code',
      `exit with ${exits.changes} if there are changes, ${exits.breaking} if one of them is breaking`,
    )
    .action(async ({ exitCode }) => {
      const { definitions, config } = await session.definitions()
      const store = await session.store('files')
      const plan = await store.plan(definitions, session.call)
      const breaking = plan.changes.some((change) => change.breaking)
      if (exitCode === true && plan.changes.length > 0) session.exitCode = breaking ? exits.breaking : exits.changes
      await session.print({
        json: plan,
        text: () => planText(plan, { title: 'plan', config, definitions, stream: session.terminal.out }),
        next:
          plan.changes.length === 0 ? 'provender materialize' : `provender apply${breaking ? ' --allow-breaking' : ''}`,
      })
    })
}
