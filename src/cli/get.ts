import type { OnlineOptions, OnlineRows, Store } from '../contract/store.ts'
import { stringifyExact } from '../codecs/exact-json.ts'
import { cellOf } from '../codecs/csv.ts'
import { fail } from '../kernel/errors.ts'
import { given, newCommand, pairsOf } from './command.ts'
import { typeOf } from './json-form.ts'
import { batchDocument, entityDocument, entityText, includesOf } from './online-answer.ts'
import { readEntities } from './read-rows.ts'
import type { Session } from './session.ts'
import { tableText } from './table.ts'
import type { Value } from '../values/value.ts'

interface GetOptions {
  readonly batch?: string | undefined
  readonly fullNames?: true | undefined
  readonly includeExpired?: true | undefined
  readonly include?: string | undefined
}

/** `get`: the newest values of one entity, or of all those of a file. */
export function getCommand(session: Session) {
  return newCommand('get')
    .description('Read the newest values of an entity from the online store.')
    .usage('[options] <reference...> <key=value...>')
    .argument('<words...>', 'feature references (a view, view:feature or a service), then the join keys as key=value')
    .option('--batch <file>', 'entities from a file, one JSON object a line; - for stdin')
    .option('--full-names', 'name features view__feature')
    .option('--include-expired', 'give values older than their ttl, too')
    .option('--include <what>', 'eventTimes: with --json, the event time of each view')
    .addHelpText(
      'after',
      '\nExamples:\n  provender get airport_delays airport=ORD\n  provender get delay_model --batch entities.jsonl --json',
    )
    .action(async (words, options) => {
      const isPair = (word: string): boolean => /^[^:@()=]+=/.test(word)
      const references = words.filter((word) => !isPair(word))
      const pairs = pairsOf(words.filter(isPair))
      if (references.length === 0)
        throw fail('USAGE', 'No features are named', {
          remedy: 'Name a view, view:feature or a service before the keys.',
        })
      const store = await session.store()
      if (options.batch === undefined) await getOne(session, store, { references, pairs, options })
      else if (pairs.size > 0) throw fail('USAGE', 'Keys stand in the file of --batch, not on the command line')
      else await getBatch(session, store, { references, file: options.batch, options })
    })
}

async function getOne(
  session: Session,
  store: Store,
  { references, pairs, options }: { references: string[]; pairs: ReadonlyMap<string, string>; options: GetOptions },
): Promise<void> {
  const rows = await store.online(references, [Object.fromEntries(pairs)], {
    ...onlineOptions(session, options),
    form: 'text',
  })
  await session.print({
    json: entityDocument(rows, pairs, includesOf(options.include)),
    text: () =>
      entityText(rows, {
        heading: [...references, ...[...pairs].map(([key, text]) => `${key}=${text}`)].join('  '),
        stream: session.terminal.out,
      }),
    next: nextOf(rows, session, references),
  })
}

function nextOf(rows: OnlineRows, session: Session, [first = '']: readonly string[]): string {
  const statuses = rows.statuses[0] ?? []
  if (statuses.every((status) => status === 'NOT_FOUND')) return 'provender materialize'
  if (statuses.every((status) => status === 'OUTSIDE_MAX_AGE') && !session.resume.includes('--include-expired'))
    return `${session.resume} --include-expired`
  return `provender show ${first.split(/[:@]/)[0]}`
}

async function getBatch(
  session: Session,
  store: Store,
  { references, file, options }: { references: string[]; file: string; options: GetOptions },
): Promise<void> {
  const entities: Readonly<Record<string, unknown>>[] = []
  const answers: OnlineRows[] = []
  for await (const chunk of readEntities(file, session.call.signal)) {
    entities.push(...chunk)
    answers.push(await store.online(references, chunk, { ...onlineOptions(session, options), form: 'json' }))
  }
  const [first] = answers
  if (first === undefined)
    throw fail('BAD_REQUEST', `${file} holds no entities`, {
      remedy: 'Write one JSON object a line, for example {"airport":"ORD"}.',
    })
  if (answers.some((answer) => answer.features.join() !== first.features.join()))
    throw fail('REGISTRY_CONFLICT', 'The definitions changed while the entities were read', { remedy: 'Run it again.' })
  const keys = [...new Set(entities.flatMap((entity) => Object.keys(entity)))]
  await session.print({
    json: batchDocument(answers, includesOf(options.include)),
    text: () => {
      const exact = answers.flatMap((answer) => answer.exact)
      const rows = entities.map((entity, i) => [
        ...keys.map((key) => keyText(entity[key])),
        ...first.features.map((_, f) => cellOf(typeOf(first.types[f]), (exact[i]?.[f] ?? null) as Value | null)),
      ])
      return tableText({ columns: [...keys, ...first.features].map((name) => ({ name })), rows }, session.terminal.out)
    },
  })
}

const keyText = (value: unknown): string | null =>
  value === undefined || value === null ? null : typeof value === 'string' ? value : stringifyExact(value)

/** Exact: what is printed is never rounded, and the guard against unsafe numbers has nothing to say. */
const onlineOptions = (session: Session, { fullNames, includeExpired }: GetOptions): OnlineOptions => ({
  ...session.call,
  ...given({ fullNames, includeExpired }),
  int64: 'bigint',
  instants: 'micros',
})
