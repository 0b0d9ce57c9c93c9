import { registerSchema } from '../codecs/schema-registration.ts'
import { replaces } from '../codecs/packed-row.ts'
import type { StoredGeneration, ViewSnapshot, Snapshot } from '../decide/snapshot.ts'
import {
  type LatestRows,
  type PackedEntity,
  concerns,
  encoderOf,
  latestOf,
  rowsFor,
  schemaOf,
} from '../decide/log-rows.ts'
import { abandonable } from '../kernel/abandon.ts'
import type { Call } from '../kernel/call.ts'
import { byteList, itemOf } from '../values/byte-list.ts'
import type { OnlineStore, WriteOutcome } from '../ports/online.ts'
import type { LogRecord } from '../ports/push-log.ts'
import type { IngestDeps } from './deps.ts'

/** A generation replaced less than this long ago may still serve in a process whose snapshot is old. */
const replacedForMs = 5000

/**
 * Writes the rows of a record that stands in the log to every generation that they concern: serving, building, and replaced only just.
 * Then looks at the registry again and writes to those that it missed: one may have been born, or switched to, meanwhile.
 * @returns For each row whether it is older than what is served: refused by a serving generation, and stored by none.
 * @throws STORE_UNREACHABLE, STORE_FULL, NOT_REPLICATED, DEADLINE_EXCEEDED: the rows stand in the log, and the next catch-up brings them online.
 */
export async function writeOnline(deps: IngestDeps, record: LogRecord, call?: Call): Promise<boolean[]> {
  if (record.to === 'offline') return record.rows.map(() => false)
  const written = new Set<string>()
  const outcomes: Outcomes[] = []
  for (let look = 0; look < 2; look++) {
    const places = placesOf(await deps.snapshots.current(call), record).filter((place) => !written.has(place.id))
    await Promise.all(
      places.map(async ({ id, view, generation, serves }) => {
        written.add(id)
        const packed = await packFor(deps, generation, record, call)
        const space = { view, generation: generation.generation }
        const done = await deps.online.write(space, packed.latest, { ...call, acknowledged: true })
        // Once more: a store that was emptied since the rows were packed has lost their schema.
        await fingerprintOf(deps, generation, call)
        if (serves && look === 0) outcomes.push({ packed, done })
      }),
    )
  }
  return olderRows(record.rows.length, outcomes)
}

/** What `writeOnline` would answer now. */
export async function foreseeOnline(
  deps: IngestDeps,
  snapshot: Snapshot,
  record: LogRecord,
  call?: Call,
): Promise<boolean[]> {
  if (record.to === 'offline') return record.rows.map(() => false)
  const serving = placesOf(snapshot, record).filter((place) => place.serves)
  const packed = await Promise.all(serving.map(({ generation }) => packFor(deps, generation, record, call)))
  const stored = await deps.online.read(
    serving.map(({ view, generation }, i) => ({
      space: { view, generation: generation.generation },
      keys: byteList(packed[i]?.latest.map((entity) => entity.key) ?? []),
    })),
    { ...call, fresh: true },
  )
  return olderRows(
    record.rows.length,
    packed.map((each, i) => {
      const old = stored[i]
      return {
        packed: each,
        done: each.latest.map(({ row }, j) => wouldBe(row, old === undefined ? null : itemOf(old, j))),
      }
    }),
  )
}

const wouldBe = (next: Uint8Array, old: Uint8Array | null): WriteOutcome =>
  old === null || replaces(next, old) ? 'applied' : 'superseded'

/** A generation that rows are written to. */
interface Place {
  /** A revision of its own: rows of a newer one are read with its definition. */
  readonly id: string
  readonly view: string
  readonly generation: StoredGeneration
  readonly serves: boolean
}

function placesOf(snapshot: Snapshot, record: LogRecord): Place[] {
  return [...snapshot.views.values()].flatMap((view) =>
    generationsOf(view)
      .filter(({ generation }) => generation.resolved.view.online && concerns(record.target, generation.resolved))
      .map(({ generation, serves }) => ({
        id: `${view.name} ${generation.generation} ${generation.revision}`,
        view: view.name,
        generation,
        serves,
      })),
  )
}

/** The generations of a view that a row must reach now. */
export function generationsOf(
  view: ViewSnapshot,
): { readonly generation: StoredGeneration; readonly serves: boolean }[] {
  const recent = view.replaced.filter((replaced) => Date.now() - replaced.replacedAtMs < replacedForMs)
  return [
    ...(view.serving === null ? [] : [{ generation: view.serving, serves: true }]),
    ...[...(view.building === null ? [] : [view.building]), ...recent].map((generation) => ({
      generation,
      serves: false,
    })),
  ]
}

interface Packed extends LatestRows {
  readonly rows: readonly (PackedEntity | null)[]
}

async function packFor(
  deps: IngestDeps,
  generation: StoredGeneration,
  record: LogRecord,
  call: Call | undefined,
): Promise<Packed> {
  const fingerprint = await fingerprintOf(deps, generation, call)
  const rows = rowsFor(record, generation, encoderOf(generation.resolved, fingerprint))
  return { rows, ...latestOf(rows) }
}

/** The answers that are under way in this turn, by store and schema. */
const asked = new WeakMap<OnlineStore, Map<string, Promise<number>>>()

/**
 * Pushes that shared a group go on in one turn of the microtasks, and ask once for all of them. Who asks later asks anew, since
 * the store may have been emptied in between.
 */
function fingerprintOf(
  { online }: IngestDeps,
  { resolved }: StoredGeneration,
  call: Call | undefined,
): Promise<number> {
  const text = schemaOf(resolved)
  const now = asked.get(online) ?? new Map<string, Promise<number>>()
  asked.set(online, now)
  const answer = now.get(text) ?? registerSchema(text, (entries) => online.schemas(entries))
  if (!now.has(text)) {
    now.set(text, answer)
    queueMicrotask(() => now.delete(text))
  }
  // It is asked for all of them: none of their deadlines is its own.
  return abandonable(answer, call)
}

interface Outcomes {
  readonly packed: Packed
  /** For each of `packed.latest`. */
  readonly done: readonly WriteOutcome[]
}

function olderRows(rows: number, outcomes: readonly Outcomes[]): boolean[] {
  return Array.from({ length: rows }, (_, i) => {
    const of = outcomes.flatMap((each) => outcomeOf(each, i) ?? [])
    return of.includes('superseded') && !of.includes('applied')
  })
}

/** What became of row i: what became of its entity's latest, if it equals that in the Order; else that one supersedes it. */
function outcomeOf({ packed, done }: Outcomes, i: number): WriteOutcome | undefined {
  const place = packed.standIn[i] ?? -1
  const entity = packed.rows[i]
  const latest = packed.latest[place]
  if (entity === undefined || entity === null || latest === undefined) return undefined
  return entity === latest || replaces(entity.row, latest.row) ? done[place] : 'superseded'
}
