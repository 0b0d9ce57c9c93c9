import { readHeader } from '../../src/codecs/packed-row.ts'
import type { Engines } from '../../src/compose/engines.ts'
import { composeStore } from '../../src/compose/store.ts'
import type { Store } from '../../src/contract/store.ts'
import type { Generation } from '../../src/decide/generations.ts'
import { type MemoryMetadataStore, memoryMetadataStore, openMemoryMetadata } from '../../src/engines/memory/metadata.ts'
import { type MemoryFile, openMemoryOffline } from '../../src/engines/memory/offline.ts'
import { type MemoryOnline, type OnlineImage, memoryOnline } from '../../src/engines/memory/online.ts'
import { memoryPushLog } from '../../src/engines/memory/push-log.ts'
import type { Clock } from '../../src/kernel/clock.ts'
import type { Versioned } from '../../src/ports/registry.ts'
import type { ViewState } from '../../src/ports/run-log.ts'
import { readRows } from '../../src/testing/online-rows.ts'
import { encodeEntityKey } from '../../src/values/entity-key.ts'
import { memoryConfig } from '../support/config.ts'
import type { VirtualTime } from './virtual-time.ts'
import { type FileRow, fileColumns, fileValues, memoryPath } from './world.ts'

/** One process of a world: a store whose calls take time, and which may stop or die. */
export interface Process {
  readonly store: Store
  readonly clock: Clock
  /** Until when every call that begins or ends is held up. */
  pausedUntilMs: number
  /** A killed process: none of its calls begins or answers any more. */
  killed: boolean
}

/** What several processes share. */
export interface SharedWorld {
  /** Opens a store in a process of its own, whose calls take so long to go, and so long to come back. */
  open(latencyMs: () => number): Process
  readonly processes: readonly Process[]
  /** Entities of which a delete has begun. */
  readonly deleted: Set<number>
  /** By entity, the newest event time of all rows whose push was answered. */
  readonly pushed: Map<number, bigint>
  writeFile(name: string, rows: readonly FileRow[] | null): void
  backupOnline(): void
  restoreOnline(backup: boolean): void
  /** Changes when the online store is harmed. */
  incarnation(): string
  /** When the view last began to serve without a generation before: with its first one, or added again. */
  bornMs(): number
  /** The event time of what the serving generation holds of an entity at this instant; undefined where none serves. */
  servedEvent(k: number): Promise<bigint | null | undefined>
}

/** Stores in memory that several processes open at once, in virtual time. */
export function sharedWorld(time: VirtualTime): SharedWorld {
  const online = memoryOnline()
  const log = memoryPushLog()
  const { metadata, bornMs } = watchedMetadata(time)
  const tables: MemoryFile[] = []
  const processes: Process[] = []
  let image: OnlineImage | undefined
  let inode = 0n
  return {
    processes,
    deleted: new Set(),
    pushed: new Map(),
    open(latencyMs) {
      const clock: Clock = { now: () => BigInt(Math.floor(time.nowMs() * 1000)) }
      const leg = async (): Promise<void> => {
        await time.sleep(latencyMs())
        while (time.nowMs() < process.pausedUntilMs) await time.sleep(process.pausedUntilMs - time.nowMs())
        if (process.killed) await new Promise(() => undefined)
      }
      const ports = openMemoryMetadata(metadata, clock)
      const pushLog = log.open()
      const offline = openMemoryOffline(pushLog)
      offline.files.set('things', tables)
      const handle = online.open()
      const engines: Engines = {
        registry: slow(ports.registry, leg),
        runLog: slow(ports.runLog, leg),
        offline: slow(offline, leg),
        log: slow(pushLog, leg),
        online: slow(handle, leg),
        marks: slow(handle, leg),
        [Symbol.asyncDispose]: async () => undefined,
      }
      const store = composeStore(memoryConfig, engines, { clock })
      const process: Process = { store, clock, pausedUntilMs: 0, killed: false }
      processes.push(process)
      return process
    },
    writeFile(name, rows) {
      const path = `${memoryPath}/${name}`
      const i = tables.findIndex((t) => t.path === path)
      if (i >= 0) tables.splice(i, 1)
      if (rows === null) return
      const mtimeUs = BigInt(Math.floor(time.nowMs() * 1000))
      const file = { path, sizeBytes: rows.length, mtimeUs, inode: ++inode }
      tables.push({ ...file, columns: fileColumns, rows: rows.map(fileValues) })
    },
    backupOnline: () => void (image = online.snapshot()),
    restoreOnline: (backup) => online.restore(backup ? image : undefined),
    incarnation: () => online.snapshot().incarnation,
    bornMs,
    servedEvent: (k) => servedEvent(online, metadata, k),
  }
}

/** Metadata that notes when the view begins to serve. */
function watchedMetadata(time: VirtualTime): { metadata: MemoryMetadataStore; bornMs: () => number } {
  let bornMs = -Infinity
  const states = new (class extends Map<string, Versioned<ViewState>> {
    override set(view: string, state: Versioned<ViewState>): this {
      if (servingIn(this) === null && state.value.generations.serving !== null) bornMs = time.nowMs()
      return super.set(view, state)
    }
  })()
  return { metadata: { ...memoryMetadataStore(), states }, bornMs: () => bornMs }
}

const servingIn = (states: ReadonlyMap<string, Versioned<ViewState>>): Generation | null =>
  states.get('view')?.value.generations.serving ?? null

async function servedEvent(
  online: MemoryOnline,
  { states }: MemoryMetadataStore,
  k: number,
): Promise<bigint | null | undefined> {
  const serving = servingIn(states)
  const key = encodeEntityKey(['int64'], [BigInt(k)])
  if (serving === null || key === null) return undefined
  const [[row = null] = []] = await readRows(online.open(), [
    { space: { view: 'view', generation: serving.generation }, keys: [key] },
  ])
  return row === null ? null : readHeader(row).order.event
}

/** The same port, whose every call takes a while before and after it takes effect. */
function slow<P extends object>(port: P, leg: () => Promise<void>): P {
  const methods = Object.entries(port).map(([name, method]: [string, unknown]) => {
    if (typeof method !== 'function') return [name, method]
    const call = method as (...asked: unknown[]) => unknown
    const slowly = async (...asked: unknown[]): Promise<unknown> => {
      await leg()
      const answer = await call(...asked)
      await leg()
      return answer
    }
    async function* stream(...asked: unknown[]): AsyncGenerator {
      await leg()
      for await (const each of call(...asked) as AsyncIterable<unknown>) {
        await leg()
        yield each
      }
    }
    return [name, name === 'changes' ? stream : slowly]
  })
  return { ...port, ...Object.fromEntries(methods) } as P
}
