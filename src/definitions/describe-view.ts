import { formatDuration } from '../values/duration.ts'
import { formatInstant } from '../values/instant.ts'
import type { Interval } from '../values/intervals.ts'
import { progressOf } from '../decide/attempt.ts'
import type { Generation } from '../decide/generations.ts'
import type { Definitions, ViewDef } from '../define/definition.ts'
import { resolveView } from '../define/resolved-view.ts'
import { toWireBody } from '../define/wire.ts'
import type { Held } from '../ports/marks.ts'
import type { ViewState } from '../ports/run-log.ts'
import type { StoredView } from './stored-views.ts'

/**
 * A view as people are shown it: its definition with nothing left to be looked up, and what is stored of it online.
 * A generation is named by its instant; coverage is of its present revision. `fresh`: the freshness promised is kept.
 */
export function describeView(
  definitions: Definitions,
  view: ViewDef,
  { state, held, error, now }: StoredView,
): { readonly name: string } & Readonly<Record<string, unknown>> {
  const resolved = resolveView(definitions, view)
  const { description, owner, tags } = toWireBody(view)
  const time = (us: bigint | undefined): string | undefined => (us === undefined ? undefined : formatDuration(us))
  const serving = state?.generations.serving ?? null
  const building = state?.generations.building ?? null
  return {
    name: view.name,
    description,
    owner,
    tags,
    entities: view.entities,
    keys: resolved.joinKeys,
    source: view.source,
    timestamp: resolved.timestamp,
    created: resolved.created ?? undefined,
    ttl: view.ttlUs === 0n ? undefined : time(view.ttlUs),
    freshness: time(view.freshnessUs),
    lateness: time(view.latenessUs),
    online: view.online,
    features: view.features,
    ...(state === null || serving === null
      ? { generation: null, coverage: [] }
      : {
          ...stored(state, serving),
          ...counted(held.get(serving.generation)),
          ...ageOf(held.get(serving.generation)?.newestEvent ?? null, { now, freshnessUs: view.freshnessUs }),
        }),
    building:
      state === null || building === null
        ? undefined
        : { ...stored(state, building), ...counted(held.get(building.generation)) },
    error,
  }
}

const counted = (held: Held | null | undefined): Readonly<Record<string, unknown>> =>
  held === undefined
    ? {}
    : {
        rows: held?.rows ?? null,
        newestEventTime: held === null || held.newestEvent === null ? null : formatInstant(held.newestEvent),
      }

/** How old the newest event time is; one that lies ahead is of now. Nothing is neither fresh nor stale. */
function ageOf(
  newestEvent: bigint | null,
  { now, freshnessUs }: { readonly now: bigint; readonly freshnessUs: bigint | undefined },
): Readonly<Record<string, unknown>> {
  if (newestEvent === null) return {}
  const ageUs = newestEvent > now ? 0n : now - newestEvent
  return {
    ageSeconds: Number(ageUs) / 1e6,
    fresh: freshnessUs === undefined ? undefined : ageUs <= freshnessUs,
  }
}

const stored = (state: ViewState, generation: Generation): Readonly<Record<string, unknown>> => {
  const coverage = progressOf(state.progress, generation.generation).coverage.find(
    (each) => each.revision === generation.revision,
  )
  return { generation: formatInstant(generation.generation), coverage: (coverage?.intervals ?? []).map(written) }
}

const written = ({ start, end }: Interval): readonly [string | null, string] => [
  start === null ? null : formatInstant(start),
  formatInstant(end),
]
