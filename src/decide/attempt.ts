import type { FileIdentity } from '../values/file-identity.ts'
import { sameFile } from '../values/file-identity.ts'
import { type Interval, contains, gaps, since, unite, until } from '../values/intervals.ts'
import type { Generation, Generations } from './generations.ts'
import type { Coverage, GenerationProgress, KnownFile, Progress } from './progress.ts'

/** What a run is asked for. `start` undefined = incremental; null end = now. */
export interface RunRequest {
  readonly start?: bigint
  readonly end?: bigint
  readonly repair: boolean
}

/** What the world looks like when an attempt begins. */
export interface AttemptFacts {
  readonly generations: Generations
  readonly progress: Progress
  readonly target: Generation
  /** The online store's stamp of the target, or null where it has none. */
  readonly stamp: { readonly attempt: bigint; readonly state: 'open' | 'done' } | null
  /** The source's files now. */
  readonly files: readonly FileIdentity[]
  /** A head of the push log. */
  readonly head: bigint
  readonly now: bigint
  readonly nowMs: number
  readonly request: RunRequest
  /** For a `sql` source: its `lateness` (null = not declared) and whether its inputs were pushed to since `inputsSince`. */
  readonly sql: { readonly latenessUs: bigint | null; readonly inputsPushed: boolean } | null
  /** For a table of somebody else's: how late its rows may come. */
  readonly foreign: { readonly latenessUs: bigint } | null
}

/** Why a run builds a fresh generation. */
export type RebuildReason = 'repair' | 'file changed' | 'inputs changed' | 'online store is not what it was'

/** What the transaction that begins an attempt writes, and what the attempt reads. */
export interface Attempt {
  readonly attempt: bigint
  readonly rebuild: RebuildReason | null
  readonly target: Generation
  readonly generations: Generations
  readonly progress: Progress
  readonly covered: readonly Interval[]
  /** What was asked for, up to now at most. */
  readonly asked: Interval
  /** That, and what a rebuild has to cover beside it. */
  readonly request: readonly Interval[]
  readonly gap: readonly Interval[]
  readonly coveredFiles: readonly FileIdentity[]
  readonly newFiles: readonly FileIdentity[]
  readonly coveredPosition: bigint
  readonly newFrom: bigint | null
  /** For a table of somebody else's: rows created or happened from these instants on are read as new. Null: all of it is new ground. */
  readonly foreign: ForeignScope | null
}

/** Which rows of a table that Provender does not write may have come since: those created since the last run began, or young. */
export interface ForeignScope {
  readonly createdFrom: bigint
  readonly eventFrom: bigint
}

/** Created times are of another clock, and a transaction may commit long after it asked for the time. */
const foreignMarginUs = 60_000_000n

/**
 * Attempts that came to nothing which are remembered: a view whose runs fail for months must not grow a long list. The
 * stamp of a forgotten one is unexplained, which makes a rebuild, and nothing worse.
 */
export const begunKept = 100

/** Decides one attempt. The reasons of a rebuild are looked at in the order of `RebuildReason`. */
export function beginAttempt(facts: AttemptFacts): Attempt {
  const attempt = facts.now > facts.progress.lastAttempt ? facts.now : facts.progress.lastAttempt + 1n
  const before = progressOf(facts.progress, facts.target.generation)
  const rebuild = rebuildReason(facts, before)
  const target =
    rebuild === null
      ? facts.target
      : freshGeneration(facts.generations, { definition: facts.target.definition, now: facts.now, nowMs: facts.nowMs })
  const generations = rebuild === null ? facts.generations : withBuilding(facts.generations, target, facts.nowMs)
  const old = rebuild === null ? before : progressOf(facts.progress, target.generation)

  const end = facts.request.end === undefined || facts.request.end > facts.now + 1n ? facts.now + 1n : facts.request.end
  const asked: Interval = { start: facts.request.start ?? null, end }
  const request =
    rebuild === null || facts.generations.serving === null
      ? [asked]
      : unite([asked], coveredBy(facts.progress, facts.generations.serving.generation))
  const coverage = old.coverage.find((c) => c.revision === target.revision) ?? emptyCoverage(target.revision)
  const known = mergeKnown(old.known, facts.files)
  const paths = new Set(facts.files.map((f) => f.path))
  const listed = known.filter((k) => paths.has(k.path))
  const coveredIds = new Set(coverage.files)
  const newFiles = listed.filter((f) => !coveredIds.has(f.id))
  const begun: GenerationProgress = {
    ...old,
    begun: [...old.begun, attempt].slice(-begunKept),
    known,
    knownPosition: facts.head,
  }
  return {
    attempt,
    rebuild,
    target,
    generations,
    progress: {
      lastAttempt: attempt,
      generations: [...facts.progress.generations.filter((g) => g.generation !== target.generation), begun],
    },
    covered: coverage.intervals,
    asked,
    request,
    gap: facts.request.start === undefined ? gaps(request, coverage.intervals) : unite(request),
    coveredFiles: listed.filter((f) => coveredIds.has(f.id)),
    newFiles,
    coveredPosition: coverage.position,
    newFrom: newFrom(facts, coverage, newFiles.length > 0),
    foreign: foreignScope(facts, old, coverage),
  }
}

/**
 * The log position from which on a push to an input of a `sql` source is new to a generation. With `lateness`, what changed
 * is read where it is not covered, whatever a killed run has begun; without, a rebuild has to be begun but once.
 */
export function inputsSince(progress: Progress, target: Generation, lateness: bigint | null): bigint {
  const { knownPosition, coverage } = progressOf(progress, target.generation)
  if (lateness === null) return knownPosition
  return coverage.find((c) => c.revision === target.revision)?.position ?? 0n
}

/** The progress after an attempt has ended well; null where its generation is gone, and nothing is to be recorded. */
export function endAttempt(
  progress: Progress,
  ended: Pick<Attempt, 'attempt' | 'target' | 'covered' | 'request' | 'coveredFiles' | 'newFiles'> & {
    readonly head: bigint
  },
): Progress | null {
  const old = progress.generations.find((g) => g.generation === ended.target.generation)
  if (old === undefined) return null
  const paths = new Set([...ended.coveredFiles, ...ended.newFiles].map((f) => f.path))
  const coverage: Coverage = {
    revision: ended.target.revision,
    intervals: unite(ended.covered, ended.request),
    files: old.known.filter((k) => paths.has(k.path)).map((k) => k.id),
    position: ended.head,
  }
  const next: GenerationProgress = {
    ...old,
    finished: ended.attempt,
    begun: old.begun.filter((n) => n > ended.attempt),
    coverage: [...old.coverage.filter((c) => c.revision !== coverage.revision), coverage],
  }
  return { ...progress, generations: [...progress.generations.filter((g) => g.generation !== next.generation), next] }
}

/** Whether a stamp is what metadata expects: the last finished attempt, done; or any state of a later one that was begun. */
export function isExplained(progress: GenerationProgress, stamp: AttemptFacts['stamp']): boolean {
  if (stamp === null) return false
  return (stamp.attempt === progress.finished && stamp.state === 'done') || progress.begun.includes(stamp.attempt)
}

/** The progress of one generation; that of a generation that no run has touched is empty. */
export function progressOf(progress: Progress, generation: bigint): GenerationProgress {
  return (
    progress.generations.find((g) => g.generation === generation) ?? {
      generation,
      finished: 0n,
      begun: [],
      known: [],
      knownPosition: 0n,
      coverage: [],
    }
  )
}

/** What all revisions of a generation together have covered. */
export const coveredBy = (progress: Progress, generation: bigint): Interval[] =>
  unite(...progressOf(progress, generation).coverage.map((c) => c.intervals))

/**
 * What a building generation still has to cover before it may serve: what the serving one covers, all its revisions,
 * within the new ttl and up to now: a clock that was set back may have left more, which nobody can cover again yet. Empty = it may.
 */
export function missingForSwitch(
  progress: Progress,
  generations: Generations,
  limits: { readonly ttlUs: bigint; readonly now: bigint },
): Interval[] {
  const { serving, building } = generations
  if (building === null || serving === null) return []
  const old = until(coveredBy(progress, serving.generation), limits.now + 1n)
  const wanted = limits.ttlUs === 0n ? old : since(old, limits.now - limits.ttlUs)
  const covered =
    progressOf(progress, building.generation).coverage.find((c) => c.revision === building.revision)?.intervals ?? []
  return contains(covered, wanted) ? [] : gaps(wanted, covered)
}

/** The generations after the switch: the building one serves, the serving one is replaced now. */
export function switched(generations: Generations, nowMs: number): Generations {
  const { serving, building } = generations
  if (building === null) return generations
  return {
    ...generations,
    serving: building,
    building: null,
    replaced: [...(serving === null ? [] : [{ ...serving, replacedAtMs: nowMs }]), ...generations.replaced],
  }
}

/** A generation of the same meaning, named by now or, where that was used, the next instant. */
export function freshGeneration(
  generations: Generations,
  birth: { readonly definition: number; readonly now: bigint; readonly nowMs: number },
): Generation {
  const used = [generations.serving, generations.building, ...generations.replaced].flatMap((g) =>
    g === null ? [] : [g.generation, g.revision],
  )
  const instant = used.reduce((max, i) => (i >= max ? i + 1n : max), birth.now)
  return { generation: instant, revision: instant, definition: birth.definition, bornAtMs: birth.nowMs }
}

function withBuilding(generations: Generations, building: Generation, nowMs: number): Generations {
  const abandoned = generations.building === null ? [] : [{ ...generations.building, replacedAtMs: nowMs }]
  return { ...generations, building, replaced: [...abandoned, ...generations.replaced] }
}

function rebuildReason(facts: AttemptFacts, before: GenerationProgress): RebuildReason | null {
  if (facts.request.repair) return 'repair'
  const now = new Map(facts.files.map((f) => [f.path, f]))
  const changed = before.known.some((k) => {
    const file = now.get(k.path)
    return file === undefined || !sameFile(file, k)
  })
  if (changed) return 'file changed'
  const touched = before.finished !== 0n || before.begun.length > 0
  if (facts.sql !== null && facts.sql.latenessUs === null && touched) {
    const known = new Set(before.known.map((k) => k.path))
    if (facts.sql.inputsPushed || facts.files.some((f) => !known.has(f.path))) return 'inputs changed'
  }
  return isExplained(before, facts.stamp) ? null : 'online store is not what it was'
}

function mergeKnown(known: readonly KnownFile[], files: readonly FileIdentity[]): KnownFile[] {
  const paths = new Set(known.map((k) => k.path))
  let id = known.reduce((max, k) => Math.max(max, k.id), 0)
  return [
    ...known,
    ...files
      .filter((f) => !paths.has(f.path))
      .map((f) => ({ path: f.path, sizeBytes: f.sizeBytes, mtimeUs: f.mtimeUs, inode: f.inode, id: ++id })),
  ]
}

/** With `lateness`, results of a `sql` source younger than coverage end − lateness may have moved when its inputs did. */
function newFrom(facts: AttemptFacts, coverage: Coverage, newFiles: boolean): bigint | null {
  if (facts.sql?.latenessUs === null || facts.sql === null || !(newFiles || facts.sql.inputsPushed)) return null
  const end = coverage.intervals.at(-1)?.end
  return end === undefined ? null : end - facts.sql.latenessUs
}

function foreignScope(facts: AttemptFacts, before: GenerationProgress, coverage: Coverage): ForeignScope | null {
  const end = coverage.intervals.at(-1)?.end
  if (facts.foreign === null || end === undefined) return null
  return { createdFrom: before.finished - foreignMarginUs, eventFrom: end - facts.foreign.latenessUs }
}

const emptyCoverage = (revision: bigint): Coverage => ({ revision, intervals: [], files: [], position: 0n })
