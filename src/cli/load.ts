import { newCommand } from './command.ts'
import type { Session } from './session.ts'
import { tableText } from './table.ts'

/** `load`: copies file sources where the offline store cannot read them in place. */
export function loadCommand(session: Session) {
  return newCommand('load')
    .description(
      'Copy file sources into an offline store that cannot read files in place. The embedded one can, and has nothing to do.',
    )
    .argument('[sources...]', 'names of sources; all when none is given')
    .action(async (sources) => {
      const store = await session.store()
      const answer = await store.load(sources.length === 0 ? undefined : sources, session.call)
      const rows = answer.sources.map((each) => [each.source, String(each.rows), String(each.skipped)])
      await session.print({
        json: answer,
        text: () =>
          rows.length === 0 && session.terminal.out.isTerminal
            ? 'Nothing to load: this offline store reads files in place.\n'
            : tableText(
                {
                  columns: [{ name: 'source' }, { name: 'rows', right: true }, { name: 'skipped', right: true }],
                  rows,
                },
                session.terminal.out,
              ),
        next: 'provender materialize',
      })
    })
}
