import type { Breach, Law } from './breach.ts'

/** Names that say where a file lies and not what it is about. */
const BANNED = new Set(['util', 'utils', 'common', 'helper', 'helpers', 'types', 'lib', 'misc'])
const KEBAB = /^[a-z0-9]+(?:-[a-z0-9]+)*$/
const KINDS = /\.(?:test|test-d|d)$/
const NAMED_FOLDERS = /^(?:src|test|scripts|bench|ui|bin)\//

export const names: Law = {
  name: 'names',
  demands: 'files and folders are kebab-case and named for their concept',
  check: ({ sources }) =>
    [...sources.keys()]
      .filter((path) => NAMED_FOLDERS.test(path))
      .flatMap((path) =>
        path.split('/').flatMap((part, index, parts) => faultsOf(path, part, index === parts.length - 1)),
      ),
}

function faultsOf(path: string, part: string, isFile: boolean): Breach[] {
  const name = isFile ? part.replace(/\.[^.]+$/, '').replace(KINDS, '') : part
  if (BANNED.has(name)) return [{ law: 'names', path, detail: `"${name}" names no concept` }]
  return KEBAB.test(name) ? [] : [{ law: 'names', path, detail: `"${name}" is not kebab-case` }]
}
