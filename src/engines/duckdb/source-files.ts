import { glob, readdir, stat } from 'node:fs/promises'
import { isAbsolute, join, matchesGlob, resolve } from 'node:path'
import { fail } from '../../kernel/errors.ts'
import { limits } from '../../kernel/limits.ts'
import type { FileSourceDef } from '../../define/definition.ts'
import { type FileIdentity, sameFile } from '../../values/file-identity.ts'

/** Whether a path has to be expanded. */
const isGlob = (path: string): boolean => /[*?[\]{}]/.test(path)

/**
 * The files of a source now, sorted by path: the file itself, those that match a glob, or all of its kind beneath a folder.
 * A glob or folder without any has none.
 * @throws SOURCE_UNREADABLE for a file that is not there, or more than `limits.sourceFiles` files.
 */
export async function filesOf(source: FileSourceDef, repositoryDir: string): Promise<FileIdentity[]> {
  const root = absolutePath(source, repositoryDir)
  const paths = await expand(source, root)
  if (paths.length > limits.sourceFiles) {
    throw fail(
      'SOURCE_UNREADABLE',
      `Source "${source.name}" has ${paths.length} files; ${limits.sourceFiles} are allowed`,
      { remedy: 'Merge small files, or narrow the path.' },
    )
  }
  const found = await Promise.all(paths.map(identityOf))
  const lost = found.indexOf(undefined)
  if (lost !== -1 && !isGlob(root))
    throw fail('SOURCE_UNREADABLE', `Source "${source.name}": ${paths[lost] ?? root} is not there`)
  return found.filter((f) => f !== undefined).sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** Whether a file is one of a source's, by its path alone. */
export function isFileOf(source: FileSourceDef, repositoryDir: string, path: string): boolean {
  const root = absolutePath(source, repositoryDir)
  return (
    path === root ||
    (isGlob(root) ? matchesGlob(path, root) : path.startsWith(`${root}/`) && hasKind(path, source.type))
  )
}

/** A file's identity; undefined where there is no such file. */
export async function identityOf(path: string): Promise<FileIdentity | undefined> {
  try {
    const s = await stat(path, { bigint: true })
    return s.isFile() ? { path, sizeBytes: Number(s.size), mtimeUs: s.mtimeNs / 1000n, inode: s.ino } : undefined
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && (thrown.code === 'ENOENT' || thrown.code === 'ENOTDIR'))
      return undefined
    throw fail(
      'SOURCE_UNREADABLE',
      `${path} cannot be looked at: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
      { cause: thrown },
    )
  }
}

/** @throws SOURCE_CHANGED when a file is not what it was, naming it. */
export async function checkUnchanged(files: readonly FileIdentity[]): Promise<void> {
  const change = await changeOf(files)
  if (change !== undefined) throw change
}

/** SOURCE_CHANGED, naming the first file that is not what it was; undefined where all are. */
export async function changeOf(files: readonly FileIdentity[]): Promise<Error | undefined> {
  const now = await Promise.all(files.map((f) => identityOf(f.path)))
  for (const [i, file] of files.entries()) {
    const found = now[i]
    if (found === undefined) return fail('SOURCE_CHANGED', `${file.path} is gone`)
    if (!sameFile(found, file)) return fail('SOURCE_CHANGED', `${file.path} was changed`)
  }
  return undefined
}

function absolutePath(source: FileSourceDef, repositoryDir: string): string {
  return isAbsolute(source.path) ? resolve(source.path) : resolve(repositoryDir, source.path)
}

async function expand(source: FileSourceDef, root: string): Promise<string[]> {
  if (isGlob(root)) {
    const paths: string[] = []
    for await (const path of glob(root)) paths.push(resolve(path))
    return [...new Set(paths)]
  }
  const found = await stat(root).catch(() => undefined)
  if (found?.isDirectory() !== true) return [root]
  const names = await readdir(root, { recursive: true, withFileTypes: true })
  return names.filter((n) => !n.isDirectory() && hasKind(n.name, source.type)).map((n) => join(n.parentPath, n.name))
}

/** A file that a writer has not finished often begins with a dot. */
const hasKind = (path: string, kind: string): boolean =>
  path.toLowerCase().endsWith(`.${kind}`) && !/(^|\/)\.[^/]*$/.test(path)
