import { fromJs } from '../codecs/from-js.ts'
import { readHeader } from '../codecs/packed-row.ts'
import type { ResolvedView } from '../define/resolved-view.ts'
import type { Snapshot } from '../decide/snapshot.ts'
import { viewRowReader } from '../decide/source-row.ts'
import { must } from '../kernel/assert.ts'
import { type Call, checkCall } from '../kernel/call.ts'
import { fail } from '../kernel/errors.ts'
import { nearest } from '../kernel/nearest.ts'
import type { LogRecord, LogRow } from '../ports/push-log.ts'
import { byteList, itemOf } from '../values/byte-list.ts'
import { encodeEntityKey } from '../values/entity-key.ts'
import { tombstoneTie } from '../values/order.ts'
import type { IngestDeps } from './deps.ts'
import { type ValueForm, checkAhead, readKeys } from './push-row.ts'
import { headView } from './push-schema.ts'
import { generationsOf, writeOnline } from './write-online.ts'

/** A delete as it came. */
export interface RemoveRequest {
  /** The join keys by name. */
  readonly keys: Readonly<Record<string, unknown>>
  /** When it was deleted: a `Date`, RFC 3339 text or microseconds; absent: the later of now and the newest event time stored. */
  readonly at?: unknown
  readonly form: ValueForm
}

/**
 * Deletes one entity of a view by a tombstone: into the log, durable, then online; history honours it from its instant on. It is
 * created later than the row that it deletes, whatever clock wrote that.
 * @returns Whether a row was there that it deleted; false where the row is later than `at`.
 * @throws UNKNOWN_NAME; UNKNOWN_COLUMN, MISSING_KEY, NULL_KEY, KEY_TOO_LONG, BAD_VALUE, FUTURE_TIME; as `push` for stores.
 */
export async function remove(
  deps: IngestDeps,
  viewName: string,
  request: RemoveRequest,
  call?: Call,
): Promise<{ deleted: boolean }> {
  checkCall(call)
  const snapshot = await deps.snapshots.current(call)
  const view = headView(snapshot, viewName)
  const cells = new Map(Object.entries(request.keys))
  checkKeyNames(view, cells)
  const keys = readKeys(view.joinKeys, cells, request.form, '')
  const columns = [...view.joinKeys, ...view.features].map(({ name, type }) => ({ name, type }))
  const values = [...keys, ...view.features.map(() => null)]

  const now = deps.clock.now()
  const seen = await rowsSeen(deps, snapshot, { view: viewName, columns, values }, call)
  const event = atOf(request.at, now) ?? seen.reduce((latest, row) => later(latest, row.order.event), now)
  const created = seen.reduce((latest, row) => later(latest, (row.order.created ?? now) + 1n), now)
  const record: LogRecord = {
    target: { kind: 'view', name: viewName },
    to: 'both',
    columns,
    rows: [{ event, created, tie: tombstoneTie, values }],
    deadLetters: [],
    replayed: [],
  }
  await deps.log.append([record], call)
  const [superseded] = await writeOnline(deps, record, call)
  return { deleted: superseded === false && seen.some((row) => row.serves && !row.tombstone) }
}

/** The entity's rows in all generations that answer or soon will; of each by its own keys, where it has them. */
async function rowsSeen(
  deps: IngestDeps,
  snapshot: Snapshot,
  of: { readonly view: string } & Pick<LogRecord, 'columns'> & Pick<LogRow, 'values'>,
  call: Call | undefined,
): Promise<(ReturnType<typeof readHeader> & { readonly serves: boolean })[]> {
  const view = must(snapshot.views.get(of.view), `view ${of.view} is in the snapshot`)
  const places = generationsOf(view).flatMap(({ generation, serves }) => {
    const { resolved } = generation
    const keys = viewRowReader(resolved, 'view', of.columns)(of.values)?.keys
    const types = resolved.joinKeys.map((key) => key.type)
    const key = keys === undefined ? null : encodeEntityKey(types, keys)
    return key === null
      ? []
      : [{ space: { view: of.view, generation: generation.generation }, keys: byteList([key]), serves }]
  })
  const found = await deps.online.read(places, { ...call, fresh: true })
  return places.flatMap(({ serves }, i) => {
    const rows = found[i]
    const row = rows === undefined ? null : itemOf(rows, 0)
    return row === null ? [] : [{ ...readHeader(row), serves }]
  })
}

function atOf(input: unknown, now: bigint): bigint | undefined {
  if (input === undefined) return undefined
  const at = fromJs('timestamp', input, '/at') as bigint | null
  if (at === null) return undefined
  checkAhead('at', at, now, '/at')
  return at
}

function checkKeyNames(view: ResolvedView, cells: ReadonlyMap<string, unknown>): void {
  const names = view.joinKeys.map((key) => key.name)
  for (const name of cells.keys()) {
    if (names.includes(name)) continue
    const near = nearest(name, names)
    throw fail('UNKNOWN_COLUMN', `View "${view.name}" has no join key "${name}"`, {
      at: `/${name}`,
      remedy: near === undefined ? `Its join keys: ${names.join(', ') || 'none'}.` : `Did you mean "${near}"?`,
    })
  }
}

const later = (a: bigint, b: bigint): bigint => (a > b ? a : b)
