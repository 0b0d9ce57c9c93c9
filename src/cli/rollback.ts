import { changesText } from './changes-text.ts'
import { given, newCommand, wholeNumber } from './command.ts'
import type { Session } from './session.ts'

/** `rollback`: a new version that is equal to an old one. */
export function rollbackCommand(session: Session) {
  return newCommand('rollback')
    .description(
      'Make an old version of the registry the newest one, as a new version by the rules of apply. The files stay as they are.',
    )
    .argument('<version>', 'the version to go back to', wholeNumber)
    .option('--allow-breaking', 'also where that breaks what services read')
    .option('--message <text>', 'why, for the history')
    .action(async (version, { allowBreaking, message }) => {
      const store = await session.store()
      const plan = await store.rollback(version, { ...session.call, ...given({ allowBreaking, message }) })
      await session.print({
        json: plan,
        text: () =>
          plan.changes.length === 0
            ? `Nothing to change: version ${plan.version} is equal to version ${version}.\n`
            : `${changesText(plan.changes, session.terminal.out)}Rolled back: the registry is at version ${plan.version}, which is equal to version ${version}.\n`,
        next: plan.changes.length === 0 ? 'provender history' : 'provender materialize',
      })
    })
}
