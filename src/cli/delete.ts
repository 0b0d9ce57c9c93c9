import { given, newCommand, pairsOf } from './command.ts'
import type { Session } from './session.ts'
import { shellWord } from './shell-word.ts'

/** `delete`: a tombstone for one entity. */
export function deleteCommand(session: Session) {
  return newCommand('delete')
    .description('Take an entity out of a view: reads answer NOT_FOUND, and history honours it from then on.')
    .argument('<view>', 'the view')
    .argument('[keys...]', 'the join keys as key=value')
    .option('--at <instant>', 'from when on; otherwise the later of now and the newest event time')
    .action(async (view, words, { at }) => {
      const pairs = pairsOf(words)
      const store = await session.store()
      const answer = await store.delete(view, Object.fromEntries(pairs), {
        ...session.call,
        ...given({ at }),
        form: 'text',
      })
      const named = [view, ...words].join(' ')
      await session.print({
        json: answer,
        text: () =>
          answer.deleted ? `Deleted ${named}\n` : `No row of ${named} was online; history has the tombstone\n`,
        next: `provender get ${[view, ...words].map(shellWord).join(' ')}`,
      })
    })
}
