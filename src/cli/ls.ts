import type { Described, ListKind } from '../contract/store.ts'
import { ageOfText } from './age.ts'
import { newCommand } from './command.ts'
import { kindOf, kinds } from './kind.ts'
import { numberText } from './number-text.ts'
import type { Session } from './session.ts'
import { type Grid, tableText } from './table.ts'
import type { Stream } from './terminal.ts'

/** `ls`: what the registry holds, by kind. */
export function lsCommand(session: Session) {
  return newCommand('ls')
    .description('List what the registry holds.')
    .argument('[kind]', 'entities, sources, views, on-demand or services; all when left out')
    .action(async (kind) => {
      const wanted = kind === undefined ? kinds : [kindOf(kind)]
      const store = await session.store()
      const lists = await Promise.all(wanted.map(async (each) => [each, await store.list(each, session.call)] as const))
      const filled = kind === undefined ? lists.filter(([, list]) => list.length > 0) : lists
      const [first] = filled.find(([each]) => each === 'views')?.[1] ?? filled[0]?.[1] ?? []
      await session.print({
        json: Object.fromEntries(lists),
        text: () => listsText(filled, session.terminal.out),
        next: first === undefined ? 'provender apply' : `provender show ${first.name}`,
      })
    })
}

async function listsText(
  lists: readonly (readonly [ListKind, readonly Described[]])[],
  stream: Stream,
): Promise<string> {
  if (!stream.isTerminal) {
    const rows = lists.flatMap(([kind, list]) => list.map((each) => [kind, each.name, textOf(each['description'])]))
    return tableText({ columns: [{ name: 'kind' }, { name: 'name' }, { name: 'description' }], rows }, stream)
  }
  if (lists.length === 0) return 'The registry is empty.\n'
  const texts = await Promise.all(
    lists.map(
      async ([kind, list]) =>
        `${stream.colours.cyan(`${kind} (${list.length})`)}\n${list.length === 0 ? '' : await tableText(gridOf(kind, list), stream)}`,
    ),
  )
  return texts.join('\n')
}

function gridOf(kind: ListKind, list: readonly Described[]): Grid {
  switch (kind) {
    case 'entities':
      return {
        columns: named('name', 'keys', 'description'),
        rows: list.map((each) => [each.name, keysOf(each), textOf(each['description'])]),
      }
    case 'sources':
      return {
        columns: named('name', 'type', 'from', 'timestamp', 'description'),
        rows: list.map((each) => [
          each.name,
          ...[
            each['type'],
            each['path'] ?? each['table'] ?? each['topic'] ?? shortSql(each['sql'] ?? each['query']),
            each['timestamp'],
            each['description'],
          ].map(textOf),
        ]),
      }
    case 'views':
      return {
        columns: [
          ...named('name', 'entities'),
          { name: 'features', right: true },
          { name: 'rows', right: true },
          ...named('newest', 'ttl', 'online', 'source', 'description'),
        ],
        rows: list.map((each) => [
          each.name,
          listText(each['entities']),
          String(countOf(each['features'])),
          typeof each['rows'] === 'number' ? numberText(each['rows']) : '–',
          ageOfText(textOf(each['newestEventTime'])) || '–',
          textOf(each['ttl'] ?? '–'),
          each['online'] === false ? 'no' : 'yes',
          textOf(each['source']),
          textOf(each['description']),
        ]),
      }
    case 'services':
      return {
        columns: named('name', 'features', 'description'),
        rows: list.map((each) => [each.name, listText(each['features']), textOf(each['description'])]),
      }
    case 'on-demand':
      return {
        columns: named('name', 'description'),
        rows: list.map((each) => [each.name, textOf(each['description'])]),
      }
  }
}

const named = (...names: string[]): { name: string }[] => names.map((name) => ({ name }))

const shownSqlChars = 40

function shortSql(sql: unknown): string | null {
  const text = textOf(sql)?.replaceAll(/\s+/g, ' ').trim() ?? null
  return text === null || text.length <= shownSqlChars ? text : `${text.slice(0, shownSqlChars).toWellFormed()}…`
}

const textOf = (value: unknown): string | null =>
  value === undefined || value === null ? null : typeof value === 'string' ? value : JSON.stringify(value)

const listText = (value: unknown): string =>
  Array.isArray(value) ? value.map((each) => textOf(each) ?? '').join(', ') : (textOf(value) ?? '')

const countOf = (value: unknown): number =>
  Array.isArray(value) ? value.length : typeof value === 'object' && value !== null ? Object.keys(value).length : 0

/** `airport string`, from `key: string` or from `keys`. */
function keysOf({ name, key, keys }: Described): string {
  if (typeof key === 'string') return `${name} ${key}`
  const map = key ?? keys
  if (Array.isArray(map))
    return map
      .map((each: unknown) =>
        typeof each === 'object' && each !== null ? Object.values(each).join(' ') : String(each),
      )
      .join(', ')
  return typeof map === 'object' && map !== null
    ? Object.entries(map)
        .map(([each, type]) => `${each} ${String(type)}`)
        .join(', ')
    : ''
}
