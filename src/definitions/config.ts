import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { Config } from '../define/config.ts'
import { type Finding, suggest, toErrors } from '../define/finding.ts'
import { type ConfigBody, configFields, configSchema, projectPattern } from '../define/grammar-config.ts'
import { sectionNames } from '../define/grammar.ts'
import type { Part, Path } from '../define/place.ts'
import { type LimitName, limitNames, requestLimitsOf, requestLimitTable } from '../define/request-limits.ts'
import { readShape, type Shaped } from '../define/shape.ts'
import { fail, type ProvenderError } from '../kernel/errors.ts'
import { numberOf } from './config-number.ts'
import { compileOnline, onlineProblems, usualOnline } from './config-online.ts'
import { type Environment, expand, override } from './config-variables.ts'

/** The file that makes a folder a feature repository. */
export const configFile = 'provender.yaml'

/**
 * The repository that a folder lies in: the nearest one upwards with a provender.yaml, absolute.
 * @throws NO_REPOSITORY when there is none.
 */
export function findRepository(from: string): string {
  const start = resolve(from)
  for (let dir = start; ; dir = dirname(dir)) {
    if (existsSync(join(dir, configFile))) return dir
    if (dirname(dir) === dir) throw fail('NO_REPOSITORY', `There is no ${configFile} in ${start} or above it`)
  }
}

/** A configuration, or what is wrong with it. */
export interface ReadConfig {
  readonly config?: Config
  readonly errors: readonly ProvenderError[]
}

/** The configuration of a parsed provender.yaml: variables put in, overrides applied, defaults filled, paths made absolute. */
export function readConfig(dir: string, part: Part, environment: Environment): ReadConfig {
  const shaped: Shaped = { part, path: [], subject: configFile }
  const written = part.data ?? {}
  if (typeof written !== 'object' || Array.isArray(written))
    return { errors: toErrors([part], [problem(part, [], `${configFile} must be a mapping`)]) }
  const { fields, findings: strangers } = ownFields(part, written)
  const { value, problems } = expand(fields, environment)
  const overridden = override(value as Readonly<Record<string, unknown>>, environment)
  const used = problems.filter(({ path }) => variableThatSet(path, overridden.set) === undefined)
  const missing = used.map((found): Finding => {
    if (found.name === undefined)
      return problem(
        part,
        found.path,
        `"${found.text}" holds a \${ that is no variable`,
        'Write ${NAME} or ${NAME:-default}.',
      )
    const remedy = `Set ${found.name}, or write \${${found.name}:-default}.`
    return {
      ...problem(part, found.path, `The environment variable ${found.name} is not set`, remedy),
      code: 'MISSING_VARIABLE',
    }
  })
  const { stream, auth, ...rest } = overridden.body
  const reserved = [
    ...(stream === undefined || stream === null ? [] : [unsupported(part, 'stream', 'Streams are not supported yet')]),
    ...(auth === undefined || auth === 'none' ? [] : [unsupported(part, 'auth', 'Only `auth: none` is supported yet')]),
  ]
  const shape = readShape(configSchema, rest, shaped)
  const empty = new Set(missing.map((finding) => finding.path.join('.')))
  const shapes = shape.findings.filter((finding) => !empty.has(finding.path.join('.')))
  const findings = [...strangers, ...missing, ...reserved, ...shapes]
  if (rest['project'] === undefined)
    findings.push({ ...problem(part, [], `${configFile} lacks \`project\``, 'Add `project: name`.'), spot: 'key' })
  if (shape.value !== undefined) findings.push(...checkValues(part, shape.value))
  const named = nameVariables(findings, overridden.set).map((finding) =>
    finding.code === 'INVALID_DEFINITION' ? { ...finding, code: 'INVALID_CONFIG' as const } : finding,
  )
  if (named.length > 0 || shape.value === undefined) return { errors: toErrors([part, nowhere], named) }
  return { config: compileConfig(dir, shape.value), errors: [] }
}

/** The fields of the configuration, less the sections of definitions. */
function ownFields(
  part: Part,
  written: object,
): { readonly fields: Readonly<Record<string, unknown>>; readonly findings: readonly Finding[] } {
  const known = [...configFields, ...sectionNames]
  const findings = Object.keys(written)
    .filter((key) => !known.includes(key))
    .map((key): Finding => ({
      code: 'UNKNOWN_FIELD',
      part,
      path: [key],
      spot: 'key',
      detail: `${configFile} has no field "${key}"`,
      ...suggest(key, known, 'fields here'),
    }))
  return { fields: Object.fromEntries(Object.entries(written).filter(([key]) => configFields.includes(key))), findings }
}

function checkValues(part: Part, body: ConfigBody): Finding[] {
  const findings: Finding[] = []
  const { project, server = {} } = body
  if (project !== undefined && !projectPattern.test(project)) {
    const remedy = 'Use a–z, 0–9, _ and -, starting with a letter, at most 63 characters.'
    findings.push(problem(part, ['project'], `"${project}" is not a name of a project`, remedy))
  }
  const within = (path: Path, value: unknown, range: readonly [number, number]): void => {
    const number = numberOf(value)
    if (value === undefined || (Number.isInteger(number) && number >= range[0] && number <= range[1])) return
    findings.push(
      problem(
        part,
        path,
        `${path.join('.')} must be a whole number from ${range[0]} to ${range[1]}`,
        'Change the number.',
      ),
    )
  }
  within(['server', 'port'], server.port, [0, 65_535])
  within(['server', 'workers'], server.workers, [1, 256])
  for (const name of limitNames) {
    const { least, most } = requestLimitTable[name]
    within(['server', 'limits', name], server.limits?.[name], [least, most])
  }
  for (const { path, detail, remedy } of onlineProblems(body.online ?? usualOnline))
    findings.push(problem(part, path, detail, remedy))
  if (server.sql !== undefined && truth(server.sql) === undefined)
    findings.push(problem(part, ['server', 'sql'], 'server.sql must be true or false', 'Write true or false.'))
  return findings
}

function compileConfig(dir: string, body: ConfigBody): Config {
  const { server = {}, offline = '.provender/offline', online = usualOnline } = body
  const place = (text: string): string => (isUrl(text) ? withFiles(text, dir) : resolve(dir, text))
  const written = typeof offline === 'string' ? { url: offline } : offline
  return Object.freeze({
    project: body.project ?? '',
    dir: resolve(dir),
    metadata: place(body.metadata ?? '.provender/metadata.db'),
    offline: Object.freeze({ url: place(written.url), replicas: Object.freeze((written.replicas ?? []).map(place)) }),
    online: compileOnline(online, place, dir),
    server: Object.freeze({
      host: server.host ?? '127.0.0.1',
      port: server.port === undefined ? 6580 : numberOf(server.port),
      workers: server.workers === undefined ? 1 : numberOf(server.workers),
      sql: server.sql === undefined ? false : truth(server.sql) === true,
      dataRoots: Object.freeze((server.dataRoots ?? []).map((root) => resolve(dir, root))),
      limits: compileLimits(server.limits ?? {}, server.workers === undefined ? 1 : numberOf(server.workers)),
    }),
    auth: 'none',
  })
}

function compileLimits(
  written: Readonly<Partial<Record<LimitName, number | string | undefined>>>,
  workers: number,
): Config['server']['limits'] {
  const given = limitNames.flatMap((name) => (written[name] === undefined ? [] : [[name, numberOf(written[name])]]))
  return requestLimitsOf(
    Object.fromEntries(given) as Partial<Record<LimitName, number>>,
    Math.floor(availableParallelism() / workers),
  )
}

/** A url whose certificates and keys for PostgreSQL are files of the repository. */
const withFiles = (url: string, dir: string): string =>
  url.replaceAll(/(?<=[?&]ssl(?:rootcert|cert|key)=)[^&]+/g, (path) => {
    try {
      return encodeURIComponent(resolve(dir, decodeURIComponent(path)))
    } catch {
      // Whoever uses it says what is wrong with it.
      return path
    }
  })

const isUrl = (text: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//i.test(text)

const truth = (value: boolean | string): boolean | undefined =>
  typeof value === 'boolean' ? value : value === 'true' ? true : value === 'false' ? false : undefined

const unsupported = (part: Part, field: string, detail: string): Finding => ({
  ...problem(part, [field], detail, `Leave \`${field}\` out.`),
  code: 'UNSUPPORTED',
})

function problem(part: Part, path: Path, detail: string, remedy?: string): Finding {
  return { code: 'INVALID_CONFIG', part, path, spot: 'value', detail, remedy }
}

function variableThatSet(path: Path, set: ReadonlyMap<string, string>): string | undefined {
  return set.get(path.join('.')) ?? set.get(String(path[0] ?? ''))
}

/** A wrong value that came from the environment has no place in the file: the variable is named instead. */
function nameVariables(findings: readonly Finding[], set: ReadonlyMap<string, string>): Finding[] {
  return findings.map((finding) => {
    const name = variableThatSet(finding.path, set)
    return name === undefined ? finding : { ...finding, part: nowhere, detail: `${finding.detail} (set by ${name})` }
  })
}

const nowhere: Part = Object.freeze({ data: undefined, incomplete: false, locate: () => ({ at: '', offset: 0 }) })
