import { glob, readdir, realpath, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import type { Definitions, FileSourceDef } from '../define/definition.ts'
import { type ProvenderError, fail, failAll } from '../kernel/errors.ts'
import { limits } from '../kernel/limits.ts'
import type { SourceRoots } from './context.ts'

/** Says where a field of a source stands in what was sent. */
type At = (source: string, field: string) => string

/**
 * Demands that the files of all sources lie in the repository or a folder of `server.dataRoots`, links followed: who may apply over
 * HTTP must not read all that the server's user may. Hidden files and the settings are not data.
 * @throws BAD_REQUEST for each that does not, as one; it tells nothing of what lies there.
 */
export async function demandWithin(roots: SourceRoots, definitions: Definitions, at: At): Promise<void> {
  const files = [...definitions.sources.values()].flatMap((source) =>
    source.type === 'parquet' || source.type === 'csv' ? [source] : [],
  )
  if (files.length === 0) return
  const allowed = await Promise.all([roots.dir, ...roots.dataRoots].map(realPlace))
  const errors: ProvenderError[] = []
  for (const source of files) {
    if (!(await liesWithin(allowed, source, roots.dir)))
      errors.push(
        fail(
          'BAD_REQUEST',
          `Source "${source.name}": ${source.path} lies outside of the folders that an apply over HTTP may name`,
          {
            at: at(source.name, 'path'),
            remedy: 'Put the files into the repository, or their folder into server.dataRoots of provender.yaml.',
          },
        ),
      )
  }
  if (errors.length > 0) throw failAll(errors)
}

/** What makes a path a pattern, as for the engines that read it. */
const special = /[*?[\]{}]/

async function liesWithin(allowed: readonly string[], source: FileSourceDef, dir: string): Promise<boolean> {
  const path = isAbsolute(source.path) ? resolve(source.path) : resolve(dir, source.path)
  const segments = path.split(sep)
  const first = segments.findIndex((segment) => special.test(segment))
  // A pattern may go upwards behind its first special character, where no prefix shows it.
  if (first !== -1 && source.path.includes('..')) return false
  const fixed = first === -1 ? path : segments.slice(0, first).join(sep) || sep
  if (!isWithin(allowed, await realPlace(fixed))) return false
  for await (const found of foundBy(path, fixed, source)) if (!isWithin(allowed, await realPlace(found))) return false
  return true
}

/** The files that a pattern or folder has now: any of them may be a link. */
async function* foundBy(path: string, fixed: string, source: FileSourceDef): AsyncGenerator<string> {
  if (fixed !== path) {
    let count = 0
    for await (const found of glob(path)) {
      // An engine refuses a source of more files by itself.
      if (++count > limits.sourceFiles) return
      yield resolve(found)
    }
    return
  }
  const there = await stat(path).catch(() => undefined)
  if (there?.isDirectory() !== true) return
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink() && entry.name.toLowerCase().endsWith(`.${source.type}`))
      yield join(entry.parentPath, entry.name)
  }
}

/** A path with all links followed; of what is not there, its nearest folder that is. */
async function realPlace(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch {
    const above = dirname(path)
    return above === path ? path : join(await realPlace(above), relative(above, path))
  }
}

const isWithin = (allowed: readonly string[], place: string): boolean =>
  allowed.some((root) => {
    const below = relative(root, place)
    return below !== '..' && !below.startsWith(`..${sep}`) && !isAbsolute(below) && !isPrivate(below)
  })

/** What lies in the repository but is no data: settings and hidden files, which may hold secrets, and Provender's own stores. */
const isPrivate = (below: string): boolean => {
  const segments = below.split(sep)
  return segments.some((segment) => segment.startsWith('.')) || /^provender\.ya?ml$/i.test(segments[0] ?? '')
}
