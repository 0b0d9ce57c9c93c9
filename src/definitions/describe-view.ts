import { formatDuration } from '../values/duration.ts'
import { formatInstant } from '../values/instant.ts'
import type { Interval } from '../values/intervals.ts'
import { progressOf } from '../decide/attempt.ts'
import type { Generation } from '../decide/generations.ts'
import type { Snapshot } from '../decide/snapshot.ts'
import type { ViewDef } from '../define/definition.ts'
import { resolveView } from '../define/resolved-view.ts'
import { toWireBody } from '../define/wire.ts'
import type { ViewState } from '../ports/run-log.ts'

/** A view by the registry's head. */
interface ShownView {
  readonly snapshot: Snapshot
  readonly view: ViewDef
  /** Null where nothing is stored of it. */
  readonly state: ViewState | null
}

/**
 * A view as people are shown it: its definition with nothing left to be looked up, and what is stored of it online.
 * A generation is named by its instant; coverage is of its present revision.
 */
export function describeView({
  snapshot,
  view,
  state,
}: ShownView): { readonly name: string } & Readonly<Record<string, unknown>> {
  const resolved = resolveView(snapshot.definitions, view)
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
    ...(state === null || serving === null ? { generation: null, coverage: [] } : stored(state, serving)),
    building: state === null || building === null ? undefined : stored(state, building),
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
