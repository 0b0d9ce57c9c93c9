import { fail } from '../kernel/errors.ts'
import type { ProcessOwner } from '../kernel/process-owner.ts'
import type { WireDefinitions } from '../define/definition.ts'
import type { Generations } from '../decide/generations.ts'
import type { Coverage, GenerationProgress, KnownFile, Progress } from '../decide/progress.ts'
import { type RunRecord, type RunStanding, runPhases } from '../ports/run-log.ts'
import { shown } from './rows.ts'

// Documents are JSON with every int64 as decimal text, so that no reader rounds one. A reader takes only what it knows.

type Read<T> = (value: unknown, at: string) => T

class Unreadable extends Error {}

const text: Read<string> = (value, at) => {
  if (typeof value !== 'string') throw new Unreadable(`${at} is no text: ${shown(value)}`)
  return value
}

const integer: Read<number> = (value, at) => {
  if (!Number.isSafeInteger(value)) throw new Unreadable(`${at} is no integer: ${shown(value)}`)
  return value as number
}

const finite: Read<number> = (value, at) => {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new Unreadable(`${at} is no number: ${shown(value)}`)
  return value
}

const truth: Read<boolean> = (value, at) => {
  if (typeof value !== 'boolean') throw new Unreadable(`${at} is neither true nor false: ${shown(value)}`)
  return value
}

const int64: Read<bigint> = (value, at) => {
  const found = typeof value === 'string' && /^-?\d{1,19}$/.test(value) ? BigInt(value) : undefined
  if (found === undefined || BigInt.asIntN(64, found) !== found)
    throw new Unreadable(`${at} is no int64: ${shown(value)}`)
  return found
}

const oneOf =
  <const T extends string>(...allowed: readonly T[]): Read<T> =>
  (value, at) => {
    const found = allowed.find((each) => each === value)
    if (found === undefined) throw new Unreadable(`${at} is none of ${allowed.join(', ')}: ${shown(value)}`)
    return found
  }

const nullable =
  <T>(read: Read<T>): Read<T | null> =>
  (value, at) =>
    value === null ? null : read(value, at)

/** What documents of earlier releases lack is null. */
const sinceLately =
  <T>(read: Read<T>): Read<T | null> =>
  (value, at) =>
    value === undefined || value === null ? null : read(value, at)

const list =
  <T>(read: Read<T>): Read<readonly T[]> =>
  (value, at) => {
    if (!Array.isArray(value)) throw new Unreadable(`${at} is no list: ${shown(value)}`)
    return Object.freeze(value.map((each: unknown, i) => read(each, `${at}/${i}`)))
  }

const tuple =
  <const T extends readonly unknown[]>(...reads: { readonly [K in keyof T]: Read<T[K]> }): Read<T> =>
  (value, at) => {
    if (!Array.isArray(value) || value.length !== reads.length)
      throw new Unreadable(`${at} is no list of ${reads.length}: ${shown(value)}`)
    return Object.freeze(reads.map((read, i) => read(value[i], `${at}/${i}`))) as unknown as T
  }

function record<T extends object>(reads: { readonly [K in keyof T]-?: Read<T[K]> }): Read<T> {
  const entries = Object.entries(reads) as [string, Read<unknown>][]
  return (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new Unreadable(`${at} is no object: ${shown(value)}`)
    const found: Record<string, unknown> = {}
    for (const [name, read] of entries) found[name] = read((value as Record<string, unknown>)[name], `${at}/${name}`)
    return Object.freeze(found) as T
  }
}

const named = { generation: int64, revision: int64, definition: integer, bornAtMs: integer }
const generation = record<Generations['serving'] & object>(named)
const generations = record<Generations>({
  serving: nullable(generation),
  building: nullable(generation),
  replaced: list(record<Generations['replaced'][number]>({ ...named, replacedAtMs: integer })),
  removedAtMs: nullable(integer),
  purgedBelow: int64,
})

const file = tuple<readonly [number, string, number, bigint, bigint]>(integer, text, integer, int64, int64)
const knownFile: Read<KnownFile> = (value, at) => {
  const [id, path, sizeBytes, mtimeUs, inode] = file(value, at)
  return Object.freeze({ id, path, sizeBytes, mtimeUs, inode })
}
const progress = record<Progress>({
  lastAttempt: int64,
  generations: list(
    record<GenerationProgress>({
      generation: int64,
      finished: int64,
      begun: list(int64),
      known: list(knownFile),
      knownPosition: int64,
      coverage: list(
        record<Coverage>({
          revision: int64,
          intervals: list(record<Coverage['intervals'][number]>({ start: nullable(int64), end: int64 })),
          files: list(integer),
          position: int64,
        }),
      ),
    }),
  ),
})

const owner = record<ProcessOwner>({ host: text, boot: text, pid: integer, startedAt: text })

const run = record<RunRecord>({
  id: text,
  kind: oneOf('materialize'),
  view: text,
  state: oneOf('queued', 'running', 'succeeded', 'failed', 'cancelled'),
  interval: tuple<RunRecord['interval']>(nullable(int64), int64),
  repair: truth,
  owner,
  presence: sinceLately(text),
  takeOvers: sinceLately(integer),
  rows: integer,
  written: integer,
  superseded: integer,
  skipped: integer,
  queuedAt: int64,
  startedAt: nullable(int64),
  endedAt: nullable(int64),
  error: nullable(record<RunRecord['error'] & object>({ code: text, detail: text })),
  cancel: truth,
  waitingAtMs: sinceLately(integer),
  notes: list(text),
  progress: sinceLately(record<RunStanding>({ phase: oneOf(...runPhases), fraction: nullable(finite) })),
})

const anything: Read<Readonly<Record<string, unknown>>> = (value, at) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Unreadable(`${at} is no object: ${shown(value)}`)
  return freezeDeep(value as Record<string, unknown>)
}
const definitions = record<WireDefinitions>({
  entities: anything,
  sources: anything,
  views: anything,
  on_demand: anything,
  services: anything,
})

/** Readers of a store's documents: each takes the text and whose it is. @throws CORRUPT_STORE naming the store, the document and the place in it. */
export type Documents = ReturnType<typeof documentsOf>

/** The readers for the store of that name. */
export function documentsOf(store: string) {
  const reader =
    <T>(kind: string, read: Read<T>) =>
    (json: string, name: string): T => {
      try {
        return read(JSON.parse(json), '')
      } catch (thrown) {
        const why = thrown instanceof Error ? thrown.message : String(thrown)
        throw fail('CORRUPT_STORE', `${store}: the ${kind} of ${name} cannot be read: ${why}`, { cause: thrown })
      }
    }
  return {
    generations: reader('generations', generations),
    progress: reader('progress', progress),
    run: reader('record', run),
    owner: reader('owner', owner),
    definitions: reader('definitions', definitions),
  } as const
}

/** The text of a document without known files; int64s become decimal text. */
export const encodeDocument = (value: Generations | RunRecord | ProcessOwner | WireDefinitions): string =>
  JSON.stringify(value, int64AsText)

/** The text of a progress. A view may know 20,000 files, so each is a tuple. */
export function encodeProgress(value: Progress): string {
  const compact = value.generations.map((each) => ({
    ...each,
    known: each.known.map((f) => [f.id, f.path, f.sizeBytes, f.mtimeUs, f.inode]),
  }))
  return JSON.stringify({ ...value, generations: compact }, int64AsText)
}

const int64AsText = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value)

function freezeDeep<T extends object>(value: T): T {
  for (const each of Object.values(value)) if (typeof each === 'object' && each !== null) freezeDeep(each as object)
  return Object.freeze(value)
}
