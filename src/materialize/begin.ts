import { type Attempt, type RunRequest, beginAttempt, inputsSince } from '../decide/attempt.ts'
import { targetOf } from '../decide/generations.ts'
import type { StoredGeneration } from '../decide/snapshot.ts'
import type { Definitions } from '../define/definition.ts'
import { type ResolvedView, resolveView, sqlInputs } from '../define/resolved-view.ts'
import type { Call } from '../kernel/call.ts'
import { fail } from '../kernel/errors.ts'
import { must } from '../kernel/assert.ts'
import type { PushLog } from '../ports/push-log.ts'
import type { MaterializeDeps } from './deps.ts'
import type { HeldLease } from './lease.ts'
import { spaceOf } from './space-writer.ts'

/** An attempt that has begun: what it reads, where it writes, and the store that it began with. */
export interface BegunAttempt {
  readonly attempt: Attempt
  readonly definitions: Definitions
  readonly generation: StoredGeneration
  readonly head: bigint
  readonly incarnation: string
}

/** How often an attempt begins anew because the view, or the online store, changed under it. */
const beginTries = 20

/**
 * Begins an attempt: looks at the store's stamp, the files and the log, decides, and records it in one write that holds
 * only if nothing about the view moved meanwhile and the lease is ours. Then stamps the online store open.
 * @throws UNKNOWN_NAME for a view that is not defined, LEASE_LOST, REGISTRY_CONFLICT where the view or the online store changes each time.
 */
export async function begin(
  deps: MaterializeDeps,
  view: string,
  request: RunRequest,
  held: { lease: HeldLease; call?: Call },
): Promise<BegunAttempt> {
  const { lease, call } = held
  for (let i = 0; i < beginTries; i++) {
    const { attempt, version, marks, definitions, resolved, head, now } = await decide(deps, view, request, call)
    const space = spaceOf(view, attempt.target)
    if (attempt.rebuild !== null) await deps.marks.birth(space, 0n, call)
    deps.reached?.('born')
    const written = await deps.runLog.writeState(
      view,
      {
        expect: version,
        value: { generations: attempt.generations, progress: attempt.progress },
        at: now,
        lease,
      },
      call,
    )
    // What was born in vain is left as it is, a few bytes of marks: somebody else may have named one by the same instant.
    if (written.kind === 'conflict' && written.head === -1)
      throw fail('LEASE_LOST', `Another process took over the run of ${view}`)
    if (written.kind !== 'done') continue
    deps.reached?.('begun')
    const from = attempt.rebuild === null ? marks.stamp : { attempt: 0n, state: 'done' as const }
    const stamped = await deps.marks.swapStamp(
      space,
      { from, to: { attempt: attempt.attempt, state: 'open' }, incarnation: marks.incarnation },
      call,
    )
    // Swapped meanwhile; or LMDB showed us a state before the last commit of a writer that was killed: it shows that one
    // only once somebody writes. Either way a new look decides anew; the attempt is one that was begun and came to nothing.
    if (!stamped) continue
    deps.reached?.('stamped open')
    return { attempt, definitions, generation: { ...attempt.target, resolved }, head, incarnation: marks.incarnation }
  }
  throw fail(
    'REGISTRY_CONFLICT',
    `The view ${view}, or its rows' place in the online store, changed ${beginTries} times while a run began`,
  )
}

/** Looks at all that an attempt depends on, and decides it. Nothing is written. @throws UNKNOWN_NAME. */
async function decide(deps: MaterializeDeps, view: string, request: RunRequest, call?: Call) {
  const { version, value: state } = await deps.runLog.readState(view, call)
  const target = state === null || state.generations.removedAtMs !== null ? null : targetOf(state.generations)
  if (state === null || target === null) throw fail('UNKNOWN_NAME', `The registry has no view "${view}" to materialize`)
  const marks = must((await deps.marks.readMarks([spaceOf(view, target)], call))[0], 'marks of one space')
  const definitions = await deps.snapshots.definitions(target.definition, call)
  const named = must(definitions.views.get(view), `version ${target.definition} has the view ${view}`)
  const resolved = resolveView(definitions, named)
  const described = await deps.offline.describe([resolved.source], definitions.sources, call)
  const facts = must(described[0], 'facts of one source')
  const head = await deps.log.head(call)
  const sql = await sqlFacts(deps.log, definitions, resolved, {
    from: inputsSince(state.progress, target, resolved.view.latenessUs ?? null),
    head,
    ...(call === undefined ? {} : { call }),
  })
  const now = deps.clock.now()
  const attempt = beginAttempt({
    generations: state.generations,
    progress: state.progress,
    target,
    stamp: marks.stamp,
    files: facts.files,
    head,
    now,
    nowMs: Date.now(),
    request,
    sql,
    foreign: resolved.source.type === 'postgres' ? { latenessUs: resolved.view.latenessUs ?? 0n } : null,
  })
  return { attempt, version, marks, definitions, resolved, head, now }
}

/** The error of a run whose online store is no longer the one it began with. */
export const swapped = (view: string): Error =>
  fail(
    'STORE_UNREACHABLE',
    `The online store was swapped, restored or stamped by another run while ${view} was materialized`,
    { remedy: 'Run it again: what is missing is rebuilt.' },
  )

/** Of a `sql` source: its lateness and whether any of its inputs, all the way down, was pushed to since a position. */
async function sqlFacts(
  log: PushLog,
  definitions: Definitions,
  view: ResolvedView,
  range: { from: bigint; head: bigint; call?: Call },
): Promise<{ latenessUs: bigint | null; inputsPushed: boolean } | null> {
  if (view.source.type !== 'sql') return null
  const inputs = [...inputsBelow(definitions, view.source.name)]
  const targets = inputs.map((name) => ({ kind: 'source' as const, name }))
  const latenessUs = view.view.latenessUs ?? null
  // Nobody knows what somebody else has written to a table since.
  if (inputs.some((name) => definitions.sources.get(name)?.type === 'postgres'))
    return { latenessUs, inputsPushed: true }
  for await (const { record } of log.changes({ from: range.from, before: range.head, targets }, range.call))
    if (record.to !== 'online') return { latenessUs, inputsPushed: true }
  return { latenessUs, inputsPushed: false }
}

function inputsBelow(definitions: Definitions, name: string, found: Set<string> = new Set()): Set<string> {
  const source = definitions.sources.get(name)
  if (source?.type !== 'sql') return found
  for (const input of sqlInputs(definitions, name, source.sql)) {
    if (found.has(input)) continue
    found.add(input)
    inputsBelow(definitions, input, found)
  }
  return found
}
