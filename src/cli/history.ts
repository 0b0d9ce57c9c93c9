import { ageOfText } from './age.ts'
import { given, newCommand, wholeNumber } from './command.ts'
import type { Session } from './session.ts'
import { tableText } from './table.ts'

/** `history`: the versions of the registry, newest first. */
export function historyCommand(session: Session) {
  return newCommand('history')
    .description('List the versions of the registry, newest first.')
    .option('--limit <n>', 'at most this many', wholeNumber)
    .action(async ({ limit }) => {
      const store = await session.store()
      const versions = await store.versions({ ...session.call, ...given({ limit }) })
      const { isTerminal } = session.terminal.out
      const columns = ['version', 'parent', 'created_at', 'author', 'changes', 'message'].map((name) => ({
        name,
        right: ['version', 'parent', 'changes'].includes(name),
      }))
      const rows = versions.map((each) => [
        String(each.version),
        String(each.parent),
        isTerminal ? ageOfText(each.createdAt) : each.createdAt,
        each.author,
        String(each.changes),
        each.message ?? null,
      ])
      const [newest] = versions
      await session.print({
        json: { versions },
        text: () =>
          newest === undefined && isTerminal
            ? 'There is no version yet.\n'
            : tableText({ columns, rows }, session.terminal.out),
        next: newest === undefined ? 'provender apply' : `provender diff ${newest.parent} ${newest.version}`,
      })
    })
}
