import { stringifyExact } from '../codecs/exact-json.ts'
import { fail } from '../kernel/errors.ts'
import { ageOfText } from './age.ts'
import { given, newCommand, wholeNumber } from './command.ts'
import { counted, numberText } from './number-text.ts'
import type { Session } from './session.ts'
import { tableText } from './table.ts'

/** `dead-letters`: the rows that were refused, listed or pushed once more. */
export function deadLettersCommand(session: Session) {
  return newCommand('dead-letters')
    .description('List the rows that were refused, oldest first, or push them once more.')
    .argument('[ids...]', 'with --replay: these only')
    .option('--replay', 'push them again: rows that are good now leave the list')
    .option('--source <name>', 'only rows pushed to this view or source')
    .option('--limit <n>', 'at most this many', wholeNumber)
    .option('--after <id>', 'those after this one: `next` of an earlier list')
    .action(async (ids, { replay, source, limit, after }) => {
      if (replay !== true && ids.length > 0)
        throw fail('USAGE', 'Ids go with --replay', { remedy: 'Add --replay, or leave the ids out.' })
      const store = await session.store()
      if (replay === true) {
        const answer = await store.replayDeadLetters(
          given({ source, ids: ids.length === 0 ? undefined : ids }),
          session.call,
        )
        const { replayed, accepted, rejected } = answer
        await session.print({
          json: answer,
          text: () =>
            `${counted(replayed, 'row')} replayed: ${numberText(accepted)} accepted, ${numberText(rejected)} still bad\n`,
          next: rejected > 0 ? 'provender dead-letters' : undefined,
        })
        return
      }
      const answer = await store.deadLetters(given({ source, limit, after }), session.call)
      const columns = ['at', 'source', 'code', 'detail', 'row', 'id'].map((name) => ({ name }))
      const rows = answer.deadLetters.map((letter) => [
        session.terminal.out.isTerminal ? ageOfText(letter.at) : letter.at,
        letter.source,
        letter.code,
        letter.detail,
        stringifyExact(letter.row),
        letter.id,
      ])
      await session.print({
        json: answer,
        text: () =>
          rows.length === 0 && session.terminal.out.isTerminal
            ? 'No row was refused.\n'
            : tableText({ columns, rows }, session.terminal.out),
        next:
          answer.next !== undefined
            ? `provender dead-letters --after ${answer.next}`
            : rows.length > 0
              ? 'provender dead-letters --replay'
              : undefined,
      })
    })
}
