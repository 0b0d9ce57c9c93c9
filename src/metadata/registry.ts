import { sql, type Transaction } from 'kysely'
import { type Call, checkCall } from '../kernel/call.ts'
import type { Clock } from '../kernel/clock.ts'
import { fail } from '../kernel/errors.ts'
import { noProgress } from '../decide/progress.ts'
import { isStale } from '../decide/stale-write.ts'
import type { Generations } from '../decide/generations.ts'
import {
  type Commit,
  noVersion,
  type Registry,
  type RegistrySnapshot,
  type RegistryVersion,
  type Swap,
  type Versioned,
} from '../ports/registry.ts'
import type { Database } from './database.ts'
import { type Documents, documentsOf, encodeDocument, encodeProgress } from './document.ts'
import { int64Of, integerOf, textOf } from './rows.ts'
import type { Tables } from './tables.ts'

const versionColumns = ['version', 'parent', 'created_at', 'author', 'message', 'changes'] as const

/** The registry in SQL. `release` is called once, when it is disposed. */
export function sqlRegistry(database: Database, clock: Clock, release: () => Promise<void>): Registry {
  let closing: Promise<void> | undefined
  let seen: RegistrySnapshot | undefined
  const documents = documentsOf(database.name)
  const tokenQuery = database.compile((db) => db.selectFrom('counter').select('value').where('name', '=', 'state'))
  const open = (call: Call | undefined): void => {
    if (closing !== undefined) throw fail('CLOSED', 'The registry is closed')
    checkCall(call)
  }
  return Object.freeze({
    async snapshot(since, call) {
      open(call)
      const [counter] = await database.ask(call, tokenQuery)
      if (since !== undefined && since === String(integerOf(counter?.value, 'change counter'))) return null
      const answer = await database.read(call, (tx) => readSnapshot(tx, documents, seen))
      seen = answer.snapshot
      return answer
    },
    async read(version, call) {
      open(call)
      if (version === 0) return noVersion
      return (await database.read(call, (tx) => readVersion(tx, documents, version))) ?? null
    },
    async versions(limit, call) {
      open(call)
      const rows = await database.read(call, (tx) =>
        tx.selectFrom('registry_version').select(versionColumns).orderBy('version', 'desc').limit(limit).execute(),
      )
      return rows.map(entryOf)
    },
    async commit(commit, call) {
      open(call)
      const version = Object.freeze({
        version: commit.parent + 1,
        parent: commit.parent,
        createdAt: commit.at,
        author: commit.author,
        ...(commit.message === undefined ? {} : { message: commit.message }),
        definitions: commit.definitions,
        changes: commit.changes,
      })
      const texts = {
        definitions: encodeDocument(commit.definitions),
        generations: commit.generations.map((each) => encodeDocument(each.value)),
      }
      return database.write(call, (tx) => swap(tx, { commit, version, texts, clock }))
    },
    [Symbol.asyncDispose]: () => (closing ??= release()),
  } satisfies Registry)
}

interface Prepared {
  readonly commit: Commit
  readonly version: RegistryVersion
  readonly texts: { readonly definitions: string; readonly generations: readonly string[] }
  readonly clock: Clock
}

async function swap(
  tx: Transaction<Tables>,
  { commit, version, texts, clock }: Prepared,
): Promise<Swap<RegistryVersion>> {
  const head = await headOf(tx)
  if (head !== commit.parent) return { kind: 'conflict', head }
  const found = await stateVersions(tx)
  if (commit.generations.some(({ view, expect }) => (found.get(view) ?? 0) !== expect))
    return { kind: 'conflict', head }
  if (isStale(commit.at, clock.now())) return { kind: 'stale' }
  await tx
    .insertInto('registry_version')
    .values({
      version: version.version,
      parent: version.parent,
      created_at: version.createdAt,
      author: version.author,
      message: version.message ?? null,
      changes: version.changes,
      definitions: texts.definitions,
    })
    .execute()
  const states = commit.generations.map(({ view, expect }, i) => ({
    view,
    version: expect + 1,
    generations: texts.generations[i] ?? '',
  }))
  for (let from = 0; from < states.length; from += rowsAtOnce)
    await putGenerations(tx, states.slice(from, from + rowsAtOnce))
  await countChange(tx)
  return { kind: 'done', value: version }
}

/** Rows of one insert: an apply may write a thousand views, within the few milliseconds of a transaction. */
const rowsAtOnce = 500

async function stateVersions(tx: Transaction<Tables>): Promise<Map<string, number>> {
  const rows = await tx.selectFrom('view_state').select(['view', 'version']).execute()
  return new Map(rows.map((row) => [textOf(row.view, 'view name'), integerOf(row.version, 'document version')]))
}

/** Writes documents of views; their progress stays as it is. */
async function putGenerations(
  tx: Transaction<Tables>,
  states: readonly { view: string; version: number; generations: string }[],
): Promise<void> {
  await tx
    .insertInto('view_state')
    .values(states.map((state) => ({ ...state, progress: emptyProgress })))
    .onConflict((conflict) =>
      conflict
        .column('view')
        .doUpdateSet({ version: sql<number>`excluded.version`, generations: sql<string>`excluded.generations` }),
    )
    .execute()
}

const emptyProgress = encodeProgress(noProgress)

/** Makes every snapshot token of before old. */
export async function countChange(tx: Transaction<Tables>): Promise<void> {
  await tx
    .updateTable('counter')
    .set({ value: sql<number>`value + 1` })
    .where('name', '=', 'state')
    .execute()
}

async function headOf(tx: Transaction<Tables>): Promise<number> {
  const row = await tx
    .selectFrom('registry_version')
    .select('version')
    .orderBy('version', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row === undefined ? 0 : integerOf(row.version, 'head version')
}

/** Reads a snapshot; what `before` holds of the same numbers is not read or decoded again. */
async function readSnapshot(
  tx: Transaction<Tables>,
  documents: Documents,
  before: RegistrySnapshot | undefined,
): Promise<{ token: string; snapshot: RegistrySnapshot }> {
  const counter = await tx.selectFrom('counter').select('value').where('name', '=', 'state').executeTakeFirst()
  const version = await headOf(tx)
  const head =
    version === 0
      ? noVersion
      : before?.head.version === version
        ? before.head
        : await readVersion(tx, documents, version)
  if (head === undefined) throw fail('CORRUPT_STORE', `The metadata lacks version ${version}`)
  const generations = new Map<string, Versioned<Generations>>()
  const rows = await tx.selectFrom('view_state').select(['view', 'version', 'generations']).orderBy('view').execute()
  for (const row of rows) {
    const view = textOf(row.view, 'view name')
    const number = integerOf(row.version, `document version of view ${view}`)
    const known = before?.generations.get(view)
    generations.set(
      view,
      known?.version === number
        ? known
        : Object.freeze({
            version: number,
            value: documents.generations(textOf(row.generations, 'generations'), `view ${view}`),
          }),
    )
  }
  return { token: String(integerOf(counter?.value, 'change counter')), snapshot: Object.freeze({ head, generations }) }
}

async function readVersion(
  tx: Transaction<Tables>,
  documents: Documents,
  version: number,
): Promise<RegistryVersion | undefined> {
  const row = await tx
    .selectFrom('registry_version')
    .select([...versionColumns, 'definitions'])
    .where('version', '=', version)
    .executeTakeFirst()
  if (row === undefined) return undefined
  return Object.freeze({
    ...entryOf(row),
    definitions: documents.definitions(textOf(row.definitions, 'definitions'), `version ${version}`),
  })
}

function entryOf(
  row: Readonly<Record<(typeof versionColumns)[number], unknown>>,
): Omit<RegistryVersion, 'definitions'> {
  return Object.freeze({
    version: integerOf(row.version, 'version'),
    parent: integerOf(row.parent, 'parent version'),
    createdAt: int64Of(row.created_at, 'time of a version'),
    author: textOf(row.author, 'author of a version'),
    ...(row.message === null ? {} : { message: textOf(row.message, 'message of a version') }),
    changes: integerOf(row.changes, 'number of changes'),
  })
}
