import type { Described, ListKind } from '../contract/store.ts'
import { fail } from '../kernel/errors.ts'
import { nearest } from '../kernel/nearest.ts'
import { newCommand } from './command.ts'
import { entityWords } from './entity-words.ts'
import { kindOf, kinds } from './kind.ts'
import { factsText } from './facts-text.ts'
import type { Session } from './session.ts'
import type { Stream } from './terminal.ts'

/** The order in which a name is looked for: what people read first. */
const searched: readonly ListKind[] = ['views', 'services', 'on-demand', 'sources', 'entities']

/** `show`: one definition, and for a view what is stored of it. */
export function showCommand(session: Session) {
  return newCommand('show')
    .description('Show one definition of the registry, and what is stored of it.')
    .argument('<name>', 'a view, service, source or entity')
    .option(
      '--kind <kind>',
      'where one name means several things: entities, sources, views, on-demand or services',
      kindOf,
    )
    .action(async (name, { kind }) => {
      const store = await session.store()
      const head = await session.head(store)
      const holders: Readonly<Record<ListKind, ReadonlyMap<string, unknown>>> = {
        entities: head.entities,
        sources: head.sources,
        views: head.views,
        'on-demand': head.onDemand,
        services: head.services,
      }
      const found = (kind === undefined ? searched : [kind]).filter((each) => holders[each].has(name))
      const [first, ...others] = found
      if (first === undefined) {
        const near = nearest(
          name,
          (kind === undefined ? kinds : [kind]).flatMap((each) => [...holders[each].keys()]),
        )
        throw fail(
          'UNKNOWN_NAME',
          `The registry has nothing named "${name}"${kind === undefined ? '' : ` among its ${kind}`}`,
          near === undefined ? {} : { remedy: `Did you mean ${near}?` },
        )
      }
      const described = await store.show(first, name, session.call)
      if (others.length > 0)
        session.note(
          `"${name}" is also among the ${others.join(' and the ')}: provender show ${name} --kind ${others[0]}`,
        )
      await session.print({
        json: described,
        text: () => describedText(first, described, session.terminal.out),
        next:
          first === 'views'
            ? `provender get ${name}${entityWords(head, name)}`
            : first === 'services'
              ? `provender train ${name} --spine spine.csv --out train.parquet`
              : 'provender ls',
      })
    })
}

const singular: Readonly<Record<ListKind, string>> = Object.freeze({
  entities: 'entity',
  sources: 'source',
  views: 'view',
  'on-demand': 'on-demand view',
  services: 'service',
})

function describedText(kind: ListKind, described: Described, stream: Stream): Promise<string> {
  const { name, ...facts } = described
  return factsText(`${singular[kind]} ${name}`, stream.isTerminal ? facts : described, stream)
}
