import type { Plan } from '../contract/store.ts'
import { fail } from '../kernel/errors.ts'
import { given, newCommand } from './command.ts'
import { counted } from './number-text.ts'
import { planText } from './plan-text.ts'
import type { Session } from './session.ts'

/** `apply`: commits what `plan` shows, after a yes. */
export function applyCommand(session: Session) {
  return newCommand('apply')
    .description('Make the definition files the next version of the registry.')
    .option('-y, --yes', 'do not ask')
    .option('--allow-breaking', 'apply changes that break what services read')
    .option('--message <text>', 'why, for the history')
    .action(async ({ yes, allowBreaking, message }) => {
      const { definitions, config } = await session.definitions()
      const store = await session.store('files')
      const plan = await store.plan(definitions, session.call)
      if (plan.changes.length === 0) {
        await session.print({
          json: plan,
          text: () => planText(plan, { title: 'apply', config, definitions, stream: session.terminal.out }),
          next: 'provender materialize',
        })
        return
      }
      if (!session.json)
        session.terminal.say(
          planText(plan, { title: 'apply', config, definitions, stream: session.terminal.err }).trimEnd(),
        )
      const breaking = plan.changes.filter((change) => change.breaking)
      if (breaking.length > 0 && allowBreaking !== true) {
        throw fail(
          'BREAKING_CHANGE',
          `${counted(breaking.length, 'change')} ${breaking.length === 1 ? 'breaks' : 'break'} what services read: ${breaking.map(({ kind, name }) => `${kind} ${name}`).join(', ')}`,
        )
      }
      if (yes !== true && !(await confirmed(session, plan))) {
        session.terminal.say('Nothing was applied.')
        session.exitCode = 1
        return
      }
      // Exactly what was shown: whoever applied in between wins.
      const applied = await store.apply(definitions, {
        ...session.call,
        ...given({ allowBreaking, message }),
        parentVersion: plan.version,
      })
      const online = [...definitions.views.values()].some((view) => view.online)
      await session.print({
        json: applied,
        text: () =>
          `Applied: the registry is at version ${applied.version} (${counted(applied.changes.length, 'change')}).\n`,
        next: online ? 'provender materialize' : 'provender ls',
      })
    })
}

/** Asks on a terminal. @throws CONFIRMATION_REQUIRED without one; INTERRUPTED. */
async function confirmed(session: Session, plan: Plan): Promise<boolean> {
  if (session.json || !session.terminal.canAsk) {
    throw fail(
      'CONFIRMATION_REQUIRED',
      `apply would change ${counted(plan.changes.length, 'definition')}, and nobody can be asked`,
      { remedy: 'Look at  provender plan  and pass --yes.' },
    )
  }
  const { confirm, isCancel } = await import('@clack/prompts')
  const answer = await confirm({
    message: `Apply ${counted(plan.changes.length, 'change')}?`,
    initialValue: false,
    output: process.stderr,
  })
  if (isCancel(answer)) throw fail('INTERRUPTED', 'Nothing was applied', { remedy: 'Run it again when you are ready.' })
  return answer
}
