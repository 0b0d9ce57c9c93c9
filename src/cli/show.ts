import type { Described, ListKind } from '../contract/store.ts'
import { fail } from '../kernel/errors.ts'
import { nearest } from '../kernel/nearest.ts'
import { ageOfText } from './age.ts'
import { newCommand } from './command.ts'
import { entityWords } from './entity-words.ts'
import { kindOf, kinds } from './kind.ts'
import { type Facts, factsText } from './facts-text.ts'
import { counted } from './number-text.ts'
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
  const shown = kind === 'views' ? viewFacts(facts) : facts
  return factsText(`${singular[kind]} ${name}`, stream.isTerminal ? shown : described, stream)
}

/** What is stored of a view on one line, and whether it keeps its promise. */
function viewFacts({ rows, newestEventTime, ageSeconds: _age, fresh, freshness, ...facts }: Facts): Facts {
  const newest =
    typeof newestEventTime === 'string'
      ? `newest ${ageOfText(newestEventTime)} (${newestEventTime})`
      : typeof rows === 'number' && rows > 0
        ? 'newest unknown'
        : 'no rows yet'
  const data = typeof rows === 'number' && rows > 0 ? `${newest} · ${counted(rows, 'row')}` : newest
  const kept = fresh === true ? ' · fresh' : fresh === false ? ' · stale' : ''
  return {
    ...facts,
    ...(facts['online'] === true ? { data } : {}),
    ...(typeof freshness === 'string' ? { freshness: `${freshness} promised${kept}` } : {}),
  }
}
