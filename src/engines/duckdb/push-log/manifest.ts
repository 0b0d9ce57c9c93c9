import { randomBytes } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { z } from 'zod'
import type { LogTarget } from '../../../query/relation.ts'
import { fail } from '../../../kernel/errors.ts'
import { type FeatureType, isFeatureType } from '../../../values/feature-type.ts'
import { type LogFolder, codeOf, deleteFile, numberedName, numbersIn, publish } from './log-folder.ts'

const format = 1
const position = z.string().regex(/^\d+$/).transform(BigInt)
const target = z.strictObject({ kind: z.enum(['view', 'source']), name: z.string() })
const column = z.strictObject({
  name: z.string(),
  type: z.custom<FeatureType>((value) => typeof value === 'string' && isFeatureType(value)),
})

const rowFile = z.strictObject({
  /** Within the folder of rows. */
  name: z.string(),
  target,
  /** Positions of its rows: first inclusive, end exclusive. Files of one target do not overlap. */
  from: position,
  before: position,
  rows: z.number(),
  bytes: z.number(),
  columns: z.array(column),
  /** Some value is −0: the file must be written without dictionaries, which take it for 0. */
  negativeZeros: z.boolean(),
})

const manifestShape = z.strictObject({
  format: z.literal(format),
  /** 32 hex digits, made with the log: what frames are recognised by. */
  secret: z.string().regex(/^[0-9a-f]{32}$/),
  /** All segments up to this one are in `files` and the checkpoint. */
  sealedThrough: z.number(),
  /** Within the folder of checkpoints, without a suffix; null before the first sealing. */
  checkpoint: z.string().nullable(),
  files: z.array(rowFile),
  purges: z.array(z.strictObject({ target, below: position })),
  /** Replaced files, within the log's folder, and when (ms of the machine's clock): others may still read them. */
  replaced: z.array(z.strictObject({ path: z.string(), atMs: z.number() })),
})

/** Rows of one target in a Parquet file. */
export type RowFile = Readonly<z.output<typeof rowFile>>

/** What counts of a log's files. Immutable; each change is a new one with the next number. */
export type Manifest = Readonly<z.output<typeof manifestShape>>

/** A manifest and its number. */
export interface NumberedManifest {
  readonly number: number
  readonly manifest: Manifest
}

/** Manifests kept behind the newest, for readers that have just listed them. */
const keptManifests = 8
const suffix = '.json'

/** The newest manifest; the first one is made where there is none. @throws CORRUPT_STORE naming the file. */
export async function openManifest(folder: LogFolder): Promise<NumberedManifest> {
  const found = await newestManifest(folder)
  if (found !== undefined) return found
  for (const part of [folder.segments, folder.rows, folder.checkpoints]) {
    if ((await readdir(part)).length > 0)
      throw fail('CORRUPT_STORE', `The push log has files in ${part} but no manifest in ${folder.manifests}`)
  }
  const manifest: Manifest = {
    format,
    secret: randomBytes(16).toString('hex'),
    sealedThrough: 0,
    checkpoint: null,
    files: [],
    purges: [],
    replaced: [],
  }
  await publish(folder, pathOf(folder, 1), textOf(manifest))
  return openManifest(folder)
}

/** The newest manifest, unless it is still the known one; undefined where there is none. @throws CORRUPT_STORE naming the file. */
export async function newestManifest(
  folder: LogFolder,
  known?: NumberedManifest,
): Promise<NumberedManifest | undefined> {
  for (;;) {
    const number = (await numbersIn(folder.manifests, suffix)).at(-1)
    if (number === undefined || number === known?.number) return known
    const path = pathOf(folder, number)
    try {
      return { number, manifest: parse(await readFile(path, 'utf8'), path) }
    } catch (thrown) {
      // Between listing and reading, so many newer ones were written that this one was deleted: list again.
      if (codeOf(thrown) !== 'ENOENT') throw thrown
    }
  }
}

/** Puts a manifest in the place of the one that it was made from; answers whether nobody else was first. */
export async function swapManifest(
  folder: LogFolder,
  from: NumberedManifest,
  manifest: Manifest,
): Promise<NumberedManifest | undefined> {
  const number = from.number + 1
  if (!(await publish(folder, pathOf(folder, number), textOf(manifest)))) return undefined
  const all = await numbersIn(folder.manifests, suffix)
  // Who slept through several changes may have published a number that was deleted already: it is not the newest, so it never counts.
  if (all.at(-1) !== number) return undefined
  for (const each of all) if (each <= number - keptManifests) await deleteFile(pathOf(folder, each))
  return { number, manifest }
}

/** The position below which rows of a target are purged; 0n for none. */
export function purgedBelow(manifest: Manifest, of: LogTarget): bigint {
  return manifest.purges.find((each) => sameTarget(each.target, of))?.below ?? 0n
}

/** Whether two names are of one target. */
export const sameTarget = (a: LogTarget, b: LogTarget): boolean => a.kind === b.kind && a.name === b.name

const pathOf = (folder: LogFolder, number: number): string => join(folder.manifests, numberedName(number, suffix))

/** One line with the checksum of all that follows, then JSON. */
function textOf(manifest: Manifest): string {
  const json = JSON.stringify(manifest, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value), 1)
  return `${crc32(json).toString(16).padStart(8, '0')}\n${json}`
}

function parse(text: string, path: string): Manifest {
  const json = text.slice(9)
  if (text.slice(0, 9) !== `${crc32(json).toString(16).padStart(8, '0')}\n`)
    throw fail('CORRUPT_STORE', `The push log's manifest ${path} is damaged`)
  const parsed = manifestShape.safeParse(JSON.parse(json))
  if (!parsed.success)
    throw fail('CORRUPT_STORE', `The push log's manifest ${path} is not of a known format`, { cause: parsed.error })
  return parsed.data
}
