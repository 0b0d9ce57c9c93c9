import type { Path } from '../define/place.ts'
import { limitNames } from '../define/request-limits.ts'
import { numbersOf, onlineGroups } from '../define/online-settings.ts'
import { nearest } from '../kernel/nearest.ts'

/** The environment, as `process.env` has it. */
export type Environment = Readonly<Record<string, string | undefined>>

/** A variable that is used and neither set nor given a default, or a `${` that is no variable. */
export interface VariableProblem {
  readonly path: Path
  readonly name?: string
  readonly text: string
}

const variable = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g

/**
 * Puts environment variables into every text of a value: `${NAME}`, or `${NAME:-default}` for one that is unset or empty.
 * A text without variables stays as it is.
 */
export function expand(
  value: unknown,
  environment: Environment,
): { readonly value: unknown; readonly problems: readonly VariableProblem[] } {
  const problems: VariableProblem[] = []
  const walk = (node: unknown, path: Path): unknown => {
    if (typeof node === 'string') return expandText(node, environment, (problem) => problems.push({ ...problem, path }))
    if (Array.isArray(node)) return node.map((item, i) => walk(item, [...path, i]))
    if (typeof node !== 'object' || node === null) return node
    return Object.fromEntries(Object.entries(node).map(([key, member]) => [key, walk(member, [...path, key])]))
  }
  return { value: walk(value, []), problems }
}

function expandText(
  text: string,
  environment: Environment,
  report: (problem: Omit<VariableProblem, 'path'>) => void,
): string {
  const expanded = text.replace(variable, (_, name: string, fallback: string | undefined) => {
    const set = environment[name]
    if (set !== undefined && (set !== '' || fallback === undefined)) return set
    if (fallback === undefined) report({ name, text })
    return fallback ?? ''
  })
  if (text.replace(variable, '').includes('${')) report({ text })
  return expanded
}

/** How the value of an override is read. */
type Reading = 'text' | 'list'

/** Every setting that an environment variable overrides. */
const overrides: readonly { readonly path: readonly string[]; readonly reading: Reading }[] = Object.freeze([
  { path: ['project'], reading: 'text' },
  { path: ['metadata'], reading: 'text' },
  { path: ['offline'], reading: 'text' },
  { path: ['offline', 'url'], reading: 'text' },
  { path: ['offline', 'replicas'], reading: 'list' },
  { path: ['online'], reading: 'text' },
  { path: ['online', 'url'], reading: 'text' },
  { path: ['online', 'cluster'], reading: 'list' },
  { path: ['online', 'ca'], reading: 'text' },
  ...onlineGroups.flatMap((group) =>
    Object.keys(numbersOf(group)).map((name) => ({ path: ['online', group, name], reading: 'text' as const })),
  ),
  { path: ['stream'], reading: 'text' },
  { path: ['server', 'host'], reading: 'text' },
  { path: ['server', 'port'], reading: 'text' },
  { path: ['server', 'workers'], reading: 'text' },
  { path: ['server', 'sql'], reading: 'text' },
  { path: ['server', 'dataRoots'], reading: 'list' },
  ...limitNames.map((name) => ({ path: ['server', 'limits', name], reading: 'text' as const })),
  { path: ['auth'], reading: 'text' },
])

/** The variable that overrides a setting: `PROVENDER_SERVER_DATA_ROOTS` for `server.dataRoots`. */
const variableOf = (path: readonly string[]): string =>
  `PROVENDER_${path
    .join('_')
    .replace(/[A-Z]/g, (letter) => `_${letter}`)
    .toUpperCase()}`

/** Every setting that the environment overrides: its path with dots, and the variable. */
export const settingVariables: ReadonlyMap<string, string> = new Map(
  overrides.map(({ path }) => [path.join('.'), variableOf(path)]),
)

/** A configuration with the overrides of the environment, lists split at commas, and which settings they set. */
export function override(
  body: Readonly<Record<string, unknown>>,
  environment: Environment,
): { readonly body: Readonly<Record<string, unknown>>; readonly set: ReadonlyMap<string, string> } {
  const set = new Map<string, string>()
  let result = body
  for (const { path, reading } of overrides) {
    const text = environment[variableOf(path)]
    if (text === undefined || text === '') continue
    const value =
      reading === 'text'
        ? text
        : text
            .split(',')
            .map((part) => part.trim())
            .filter((part) => part !== '')
    set.set(path.join('.'), variableOf(path))
    result = put(result, path, value)
  }
  return { body: result, set }
}

/** A text where a mapping is needed becomes its `url`: `offline: x` with replicas from the environment, `online: x` with a near cache. */
function put(
  body: Readonly<Record<string, unknown>>,
  [first, ...rest]: readonly string[],
  value: unknown,
): Readonly<Record<string, unknown>> {
  if (first === undefined) return body
  if (rest.length === 0) return { ...body, [first]: value }
  const inner = body[first]
  const mapping = typeof inner === 'object' && inner !== null ? inner : {}
  // Nodes of a cluster take the place of a single server.
  const hasUrl = first === 'offline' || (first === 'online' && rest[0] !== 'cluster')
  const url = typeof inner === 'string' && hasUrl ? { url: inner } : {}
  return { ...body, [first]: put({ ...url, ...mapping }, rest, value) }
}

/** Variables that mean something and override no setting. */
const otherVariables = ['PROVENDER_DEBUG', 'PROVENDER_TOKEN', 'PROVENDER_URL']

/** The variables of the environment that begin with PROVENDER_: those that override a setting, and those that nobody reads, with what they may have been meant for. */
export function strayVariables(environment: Environment): {
  readonly used: readonly string[]
  readonly stray: readonly { readonly name: string; readonly near: string | undefined }[]
} {
  const known = overrides.map(({ path }) => variableOf(path))
  const all = Object.keys(environment).filter((name) => name.startsWith('PROVENDER_'))
  return {
    used: all.filter((name) => known.includes(name)).sort(),
    stray: all
      .filter((name) => !known.includes(name) && !otherVariables.includes(name))
      .sort()
      .map((name) => ({ name, near: nearest(name, known) })),
  }
}
