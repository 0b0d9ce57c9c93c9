import { changesText } from './changes-text.ts'
import { newCommand, wholeNumber } from './command.ts'
import type { Session } from './session.ts'

/** `diff`: what changed between two versions of the registry. */
export function diffCommand(session: Session) {
  return newCommand('diff')
    .description('Show what changed from one version of the registry to another.')
    .argument('<from>', 'a version', wholeNumber)
    .argument('[to]', 'a version; the newest when left out', wholeNumber)
    .action(async (from, to) => {
      const store = await session.store()
      const diff = await store.diff(from, to, session.call)
      const { bold } = session.terminal.out.colours
      const head = bold(`Registry version ${diff.from} → ${diff.to}`)
      await session.print({
        json: diff,
        text: () =>
          `${head}\n${diff.changes.length === 0 ? 'They are equal.\n' : changesText(diff.changes, session.terminal.out)}`,
        next: diff.changes.length === 0 ? 'provender history' : `provender rollback ${diff.from}`,
      })
    })
}
