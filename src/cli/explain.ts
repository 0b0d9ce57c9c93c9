import { errorTable, fail, isErrorCode } from '../kernel/errors.ts'
import { nearest } from '../kernel/nearest.ts'
import { newCommand } from './command.ts'
import type { Session } from './session.ts'

/** `explain`: what an error code means. */
export function explainCommand(session: Session) {
  return newCommand('explain')
    .description('Say what an error code means and what to do about it.')
    .argument('<code>', 'a code, for example UNKNOWN_ENTITY')
    .action(async (text) => {
      const code = text.toUpperCase().replaceAll('-', '_')
      if (!isErrorCode(code)) {
        const near = nearest(code, Object.keys(errorTable))
        throw fail('UNKNOWN_NAME', `There is no error code "${text}"`, {
          remedy: near === undefined ? 'The codes are listed in docs/reference/errors.md.' : `Did you mean ${near}?`,
        })
      }
      const { title, remedy, status, exit, retryable } = errorTable[code]
      const { bold } = session.terminal.out.colours
      await session.print({
        json: { code, title, status, exit, retryable, remedy },
        text: () =>
          [
            `${bold(code)}  ${title}.`,
            `  HTTP status ${status}, exit code ${exit}. ${retryable ? 'The same call may succeed later.' : 'The same call fails again until something is changed.'}`,
            `  What to do: ${remedy}`,
            '',
          ].join('\n'),
      })
    })
}
