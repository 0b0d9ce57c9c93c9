import { failAll } from '../kernel/errors.ts'
import { newCommand } from './command.ts'
import { counted } from './number-text.ts'
import type { Session } from './session.ts'

/** `validate`: every error of every definition file; opens no store. */
export function validateCommand(session: Session) {
  return newCommand('validate')
    .description('Check provender.yaml and the files of features/. Nothing is opened or written.')
    .action(async () => {
      const { errors, definitions, files } = await session.files()
      if (errors.length > 0) {
        if (!session.json) throw failAll(errors)
        session.exitCode = errors[0]?.exit ?? 1
      }
      const counts = [
        counted(definitions.entities.size, 'entity', 'entities'),
        counted(definitions.sources.size, 'source'),
        counted(definitions.views.size, 'view'),
        counted(definitions.services.size, 'service'),
      ]
      await session.print({
        json: { ok: errors.length === 0, errors: errors.map((error) => error.toProblem()) },
        text: () =>
          `${session.terminal.out.colours.green('✓')} ${counts.join(', ')} in ${counted(files.length, 'file')}: all valid\n`,
        next: 'provender plan',
      })
    })
}
