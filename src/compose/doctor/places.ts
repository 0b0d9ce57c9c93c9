import { access, constants, stat, statfs } from 'node:fs/promises'
import { dirname, isAbsolute, relative } from 'node:path'
import type { Config } from '../../define/config.ts'
import { type Finding, broken, few, well, worth } from './finding.ts'

/** Where an embedded engine keeps its files, and what the system says of that place. */
export interface Place {
  /** `metadata`, `offline`, `online`. */
  readonly name: string
  /** As people name it: relative to the repository where it lies there. */
  readonly path: string
  /** Why it cannot be written; null where it can. */
  readonly refused: string | null
  /** Of the file system. */
  readonly device: bigint
  readonly freeBytes: number
  readonly totalBytes: number
  /** New files that it has room for; null where it has no such limit. */
  readonly freeFiles: number | null
  /** The number by which Linux knows a kind of file system; null elsewhere. */
  readonly kind: number | null
}

const lowBytes = 2 * 1024 ** 3
const noBytes = 100 * 1024 ** 2
const fewFiles = 1000

/** Kinds on which locks and memory maps of several machines or processes do not do what embedded engines need. */
const remoteKinds: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0xff53_4d42, 'SMB'],
  [0xfe53_4d42, 'SMB'],
  [0x517b, 'SMB'],
  [0x0102_1997, '9p'],
  [0x5346_414f, 'AFS'],
  [0x00c3_6400, 'Ceph'],
  [0x0bd0_0bd0, 'Lustre'],
  [0x4750_4653, 'GPFS'],
])
const tmpfs = 0x0102_1994

/** The places of the embedded engines; none for engines that are reached by a URL. */
export async function placesOf(config: Config): Promise<Place[]> {
  const named: readonly (readonly [string, string])[] = [
    ['metadata', config.metadata],
    ['offline', config.offline.url],
    ['online', 'url' in config.online ? config.online.url : ''],
  ]
  const looks = named
    .filter(([, path]) => isAbsolute(path))
    .map(async ([name, path]) => placeOf(name, path, relative(config.dir, path)))
  return Promise.all(looks)
}

async function placeOf(name: string, path: string, within: string): Promise<Place> {
  const there = await nearestThere(path)
  const [{ dev }, system, refused] = await Promise.all([
    stat(there, { bigint: true }),
    statfs(there),
    access(there, constants.R_OK | constants.W_OK).then(
      () => null,
      (thrown: unknown) => (thrown instanceof Error ? thrown.message : String(thrown)),
    ),
  ])
  const isFolder = (await stat(there)).isDirectory()
  return {
    name,
    path: within.startsWith('..') ? path : within,
    refused: refused ?? (there === path || isFolder ? null : `${there} is no folder`),
    device: dev,
    freeBytes: system.bavail * system.bsize,
    totalBytes: system.blocks * system.bsize,
    freeFiles: system.files > 0 ? system.ffree : null,
    kind: process.platform === 'linux' ? system.type : null,
  }
}

/** The path, or the part of it that is there already: what is made next will lie in it. */
async function nearestThere(path: string): Promise<string> {
  for (let there = path; ; there = dirname(there)) {
    const found = await stat(there).catch(() => undefined)
    if (found !== undefined || dirname(there) === there) return there
  }
}

/** Whether the engines can write where they are to. */
export function foldersFinding(places: readonly Place[]): Finding {
  const refused = places.flatMap((place) => (place.refused === null ? [] : [`${place.name}: ${place.refused}`]))
  if (refused.length > 0)
    return broken(refused.join('; '), 'Give this user the folders, or name others in provender.yaml.')
  return well(
    places.length === 0 ? 'no engine keeps files here' : `may write ${few(places.map((place) => place.path))}`,
  )
}

/** Whether there is room to write. */
export function diskFinding(places: readonly Place[]): Finding {
  const disks = [...new Map(places.map((place) => [place.device, place])).values()]
  const told = disks.map((disk) => `${bytesText(disk.freeBytes)} of ${bytesText(disk.totalBytes)} free at ${disk.path}`)
  const detail = told.join('; ')
  const remedy = 'Free some disk space: writes are refused when there is none, reads go on.'
  if (disks.some((disk) => disk.freeBytes < noBytes)) return broken(detail, remedy)
  if (disks.some((disk) => disk.freeFiles !== null && disk.freeFiles < fewFiles))
    return broken(
      `${detail}; room for hardly any new file`,
      'Remove files that nobody needs: the disk has no inodes left.',
    )
  if (disks.some((disk) => disk.freeBytes < lowBytes)) return worth(detail, remedy)
  return well(disks.length === 0 ? 'no engine keeps files here' : detail)
}

/** Whether the engines' files lie on disks of this machine. */
export function fileSystemFinding(places: readonly Place[]): Finding {
  const remote = places.filter((place) => place.kind !== null && remoteKinds.has(unsigned(place.kind)))
  if (remote.length > 0)
    return broken(
      `on a network file system: ${remote.map(({ path, kind }) => `${path} (${remoteKinds.get(unsigned(kind ?? 0))})`).join(', ')}`,
      'Move them to a local disk: locks and memory maps of a network file system lose writes.',
    )
  const passing = places.filter((place) => place.kind === tmpfs)
  if (passing.length > 0)
    return worth(
      `in memory: ${few(passing.map(({ path }) => path))}`,
      'Move them to a disk: a tmpfs is empty after the next start of the machine.',
    )
  return well('local')
}

/** The kernel's number may come as a negative one. */
const unsigned = (kind: number): number => kind >>> 0

function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10))
  const size = bytes / 1024 ** power
  return `${size.toFixed(size < 10 && power > 0 ? 1 : 0)} ${units[power]}`
}
