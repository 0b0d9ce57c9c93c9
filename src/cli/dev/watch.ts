import { readdir, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join, matchesGlob, relative, resolve } from 'node:path'
import { configFile } from '../../definitions/config.ts'
import type { SourceDef } from '../../define/definition.ts'
import { limits } from '../../kernel/limits.ts'

/** Files by name, each with what differs whenever it is written or replaced. */
export type Looks = ReadonlyMap<string, string>

/**
 * Tells which files changed, by looking again and again: notices of the system get lost when editors replace files, and on
 * shared folders. A change is told once two looks in a row agree, so that half-written files are not taken.
 */
export function newWatch(look: () => Promise<Looks>): () => Promise<readonly string[]> {
  let settled: Looks | undefined
  let last: Looks | undefined
  return async () => {
    const now = await look()
    settled ??= now
    const isSteady = last === undefined || differing(last, now).length === 0
    last = now
    if (!isSteady) return []
    const changed = differing(settled, now)
    settled = now
    return changed
  }
}

function differing(before: Looks, after: Looks): string[] {
  const names = new Set([...before.keys(), ...after.keys()])
  return [...names].filter((name) => before.get(name) !== after.get(name)).sort()
}

/** The files that a repository is defined by, relative to it: provender.yaml and all beneath features/. */
export async function definitionLooks(dir: string): Promise<Looks> {
  const looks = new Map<string, string>()
  await lookInto(join(dir, configFile), () => true, looks)
  await lookInto(join(dir, 'features'), (path) => /\.(?:yaml|yml|ts)$/.test(path), looks)
  return new Map([...looks].map(([path, look]) => [relative(dir, path), look]))
}

/** The files of a source, absolute: the file, those that match its glob, or all of its kind beneath its folder; none of a source that has no files. */
export async function sourceLooks(dir: string, source: SourceDef): Promise<Looks> {
  const looks = new Map<string, string>()
  if (!('path' in source)) return looks
  const path = isAbsolute(source.path) ? source.path : resolve(dir, source.path)
  const isOfKind = (each: string): boolean => each === path || each.toLowerCase().endsWith(`.${source.type}`)
  if (isGlob(path)) await lookInto(beforeGlob(path), (each) => matchesGlob(each, path), looks)
  else await lookInto(path, isOfKind, looks)
  return looks
}

const isGlob = (path: string): boolean => /[*?[\]{}]/.test(path)

/** The folder that all matches of a glob lie in. */
function beforeGlob(path: string): string {
  let folder = path
  while (isGlob(folder)) folder = dirname(folder)
  return folder
}

/** Looks at a file, or at all files beneath a folder but hidden ones. What vanishes meanwhile is not there. */
async function lookInto(path: string, wanted: (path: string) => boolean, looks: Map<string, string>): Promise<void> {
  if (looks.size >= limits.sourceFiles) return
  const found = await stat(path, { bigint: true }).catch(() => undefined)
  if (found === undefined) return
  if (found.isFile() && wanted(path)) looks.set(path, `${found.mtimeNs}.${found.size}.${found.ino}`)
  if (!found.isDirectory()) return
  for (const name of await readdir(path).catch(() => []))
    if (!name.startsWith('.') && name !== 'node_modules') await lookInto(join(path, name), wanted, looks)
}
