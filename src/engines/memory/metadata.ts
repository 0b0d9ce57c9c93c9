import { randomUUID } from 'node:crypto'
import { type Call, checkCall } from '../../kernel/call.ts'
import type { Clock } from '../../kernel/clock.ts'
import { fail } from '../../kernel/errors.ts'
import { noProgress } from '../../decide/progress.ts'
import { isStale } from '../../decide/stale-write.ts'
import {
  type Commit,
  noVersion,
  type Registry,
  type RegistryVersion,
  type Swap,
  type Versioned,
} from '../../ports/registry.ts'
import type { Owner } from '../../ports/leases.ts'
import { type RunLog, type RunRecord, runsKept, type ViewState } from '../../ports/run-log.ts'

/** The metadata ports over one store. Disposing it disposes both. */
export interface MemoryMetadata extends AsyncDisposable {
  readonly registry: Registry
  readonly runLog: RunLog
}

/** A metadata store in memory: what several openers share, and what outlives them. */
export interface MemoryMetadataStore {
  readonly versions: RegistryVersion[]
  readonly states: Map<string, Versioned<ViewState>>
  readonly leases: Map<string, { readonly token: string; readonly owner: Owner; readonly untilMs: number }>
  /** In the order of their insertion. */
  readonly runs: Map<string, RunRecord>
  changes: number
}

/** An empty store. */
export const memoryMetadataStore = (): MemoryMetadataStore => ({
  versions: [],
  states: new Map(),
  leases: new Map(),
  runs: new Map(),
  changes: 0,
})

/**
 * Opens a store in memory: the metadata ports in their simplest form, which the others are held to. Every call's work is
 * done in one turn of the event loop, so nothing comes between.
 */
export function openMemoryMetadata(store: MemoryMetadataStore, clock: Clock): MemoryMetadata {
  const registry = memoryRegistry(store, clock)
  const runLog = memoryRunLog(store, clock)
  return Object.freeze({
    registry,
    runLog,
    [Symbol.asyncDispose]: async (): Promise<void> => {
      await registry[Symbol.asyncDispose]()
      await runLog[Symbol.asyncDispose]()
    },
  })
}

/** What each port begins a call with, and how it ends. */
function lifetime(name: string): { readonly open: (call: Call | undefined) => void } & AsyncDisposable {
  let closed = false
  return {
    open: (call) => {
      if (closed) throw fail('CLOSED', `The ${name} is closed`)
      checkCall(call)
    },
    [Symbol.asyncDispose]: async () => {
      closed = true
    },
  }
}

function memoryRegistry(store: MemoryMetadataStore, clock: Clock): Registry {
  const life = lifetime('registry')
  return Object.freeze({
    async snapshot(since, call) {
      life.open(call)
      const token = String(store.changes)
      if (token === since) return null
      const states = [...store.states].sort(([a], [b]) => (a < b ? -1 : 1))
      const generations = new Map(
        states.map(([view, state]) => [view, { version: state.version, value: state.value.generations }]),
      )
      return { token, snapshot: { head: store.versions.at(-1) ?? noVersion, generations } }
    },
    async read(version, call) {
      life.open(call)
      return version === 0 ? noVersion : (store.versions[version - 1] ?? null)
    },
    async versions(limit, call) {
      life.open(call)
      return store.versions
        .toReversed()
        .slice(0, limit)
        .map(({ version, parent, createdAt, author, message, changes }) => ({
          version,
          parent,
          createdAt,
          author,
          ...(message === undefined ? {} : { message }),
          changes,
        }))
    },
    async commit(commit, call) {
      life.open(call)
      return commitTo(store, commit, clock.now())
    },
    [Symbol.asyncDispose]: life[Symbol.asyncDispose],
  } satisfies Registry)
}

function commitTo(store: MemoryMetadataStore, commit: Commit, now: bigint): Swap<RegistryVersion> {
  const head = store.versions.length
  const moved = commit.generations.some(({ view, expect }) => (store.states.get(view)?.version ?? 0) !== expect)
  if (commit.parent !== head || moved) return { kind: 'conflict', head }
  if (isStale(commit.at, now)) return { kind: 'stale' }
  const { at, generations, ...facts } = commit
  const version = Object.freeze({ ...facts, version: head + 1, createdAt: at })
  store.versions.push(version)
  for (const { view, expect, value } of generations) {
    const progress = store.states.get(view)?.value.progress ?? noProgress
    store.states.set(view, { version: expect + 1, value: { generations: value, progress } })
  }
  store.changes += 1
  return { kind: 'done', value: version }
}

function memoryRunLog(store: MemoryMetadataStore, clock: Clock): RunLog {
  const life = lifetime('run log')
  const isOurs = (name: string, token: string): boolean => store.leases.get(name)?.token === token
  return Object.freeze({
    async acquire(name, owner, { forMs, dead }, call) {
      life.open(call)
      const held = store.leases.get(name)
      if (held !== undefined && held.untilMs > Date.now() && !dead(held.owner))
        return { heldBy: held.owner, untilMs: held.untilMs }
      const token = randomUUID()
      store.leases.set(name, { token, owner, untilMs: Date.now() + forMs })
      return { token }
    },
    async renew(name, token, forMs, call) {
      life.open(call)
      const held = store.leases.get(name)
      if (held?.token !== token) return false
      if (forMs > 0) store.leases.set(name, { ...held, untilMs: Date.now() + forMs })
      else store.leases.delete(name)
      return true
    },
    async readState(view, call) {
      life.open(call)
      return store.states.get(view) ?? { version: 0, value: null }
    },
    async writeState(view, { expect, value, at, lease }, call) {
      life.open(call)
      if (lease !== undefined && !isOurs(lease.name, lease.token)) return { kind: 'conflict', head: -1 }
      const head = store.states.get(view)?.version ?? 0
      if (head !== expect) return { kind: 'conflict', head }
      if (isStale(at, clock.now())) return { kind: 'stale' }
      const state = { version: head + 1, value }
      store.states.set(view, state)
      store.changes += 1
      return { kind: 'done', value: state }
    },
    async putRun(run, expect, call) {
      life.open(call)
      const stored = store.runs.get(run.id)
      if (stored !== undefined && expect !== undefined && !expect.includes(stored.state)) return stored
      const next = Object.freeze({ ...run, cancel: run.cancel || stored?.cancel === true })
      store.runs.set(run.id, next)
      if (stored === undefined) forgetOld(store.runs)
      return next
    },
    async runs({ id, view, state, limit }, call) {
      life.open(call)
      const all = [...store.runs.values()].toReversed()
      return all
        .filter(
          (run) => (id ?? run.id) === run.id && (view ?? run.view) === run.view && (state ?? run.state) === run.state,
        )
        .slice(0, limit)
    },
    [Symbol.asyncDispose]: life[Symbol.asyncDispose],
  } satisfies RunLog)
}

function forgetOld(runs: Map<string, RunRecord>): void {
  const excess = [...runs.values()].slice(0, Math.max(0, runs.size - runsKept))
  for (const run of excess) if (run.state !== 'queued' && run.state !== 'running') runs.delete(run.id)
}
