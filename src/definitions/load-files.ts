import { readFileSync, type Dirent, readdirSync, realpathSync, statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import type { Config } from '../define/config.ts'
import type { Definitions } from '../define/definition.ts'
import { sectionNames } from '../define/grammar.ts'
import type { Part } from '../define/place.ts'
import { sourceText } from '../define/source-text.ts'
import { readYaml } from '../define/text.ts'
import { validateDefinitions } from '../define/validate.ts'
import { fail, failAll, type ProvenderError } from '../kernel/errors.ts'
import { configFile, type ReadConfig, readConfig } from './config.ts'
import type { Environment } from './config-variables.ts'
import { loadTypescript } from './load-typescript.ts'
import { exportPart, thrownError, type TypescriptFile } from './typescript-place.ts'

/** A repository as its files have it. */
export interface LoadedRepository {
  /** Undefined where the configuration has errors. */
  readonly config: Config | undefined
  /** To be used only where there is no error. */
  readonly definitions: Definitions
  /** Everything that is wrong in any file: configuration, files that cannot be read, then definitions in the order of files and places. */
  readonly errors: readonly ProvenderError[]
  /** Every file that was read, relative to the repository, sorted; the configuration first. */
  readonly files: readonly string[]
}

/** Named limits of a repository's files. */
const fileLimits = Object.freeze({ bytes: 8 * 1024 * 1024, files: 10_000 })

/**
 * Reads provender.yaml and features/**\/*.{yaml,yml,ts} of a repository. Symbolic links are followed.
 * @throws NO_REPOSITORY when the folder has no provender.yaml.
 */
export async function loadRepository(dir: string, environment: Environment = process.env): Promise<LoadedRepository> {
  const root = resolve(dir)
  const own = readRoot(root)
  const read: ReadConfig = own.part.incomplete ? { errors: [] } : readConfig(root, own.part, environment)
  const names = findFiles(root)
  const yaml = names.filter((name) => !name.endsWith('.ts')).map((name) => readYamlFile(root, name))
  const typescript = await readTypescript(
    root,
    names.filter((name) => name.endsWith('.ts')),
  )
  const parts = [own.definitions, ...yaml, ...typescript]
  parts.sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0))
  const { definitions, errors } = validateDefinitions(
    [own.definitions, ...parts.filter((p) => p !== own.definitions)].flatMap((p) => p.parts),
  )
  return Object.freeze({
    config: read.config,
    definitions,
    errors: Object.freeze([
      ...own.errors,
      ...read.errors,
      ...yaml.flatMap((f) => f.errors),
      ...typescript.flatMap((f) => f.errors),
      ...errors,
    ]),
    files: Object.freeze([configFile, ...names]),
  })
}

/**
 * Reads the configuration of a repository alone.
 * @throws NO_REPOSITORY, and all errors of the configuration as one.
 */
export function loadConfig(dir: string, environment: Environment = process.env): Config {
  const root = resolve(dir)
  const own = readRoot(root)
  if (own.errors.length > 0) throw failAll(own.errors)
  const { config, errors } = readConfig(root, own.part, environment)
  if (config === undefined) throw failAll(errors)
  return config
}

/** What one file holds. */
interface FileParts {
  readonly file: string
  readonly parts: readonly Part[]
  readonly errors: readonly ProvenderError[]
}

/** provender.yaml is configuration and definitions in one document. */
function readRoot(root: string): {
  readonly part: Part
  readonly errors: readonly ProvenderError[]
  readonly definitions: FileParts
} {
  const text = readText(root, configFile)
  if (text === undefined) throw fail('NO_REPOSITORY', `There is no ${configFile} in ${root}`)
  const { part, errors } = typeof text === 'string' ? readYaml(configFile, text) : { part: broken, errors: [text] }
  const sections =
    typeof part.data === 'object' && part.data !== null
      ? Object.entries(part.data).filter(([key]) => (sectionNames as readonly string[]).includes(key))
      : []
  const definitions: Part = { ...part, data: Object.fromEntries(sections) }
  return { part, errors, definitions: { file: configFile, parts: [definitions], errors: [] } }
}

function readYamlFile(root: string, file: string): FileParts {
  const text = readText(root, file)
  if (typeof text !== 'string') return { file, parts: [broken], errors: text === undefined ? [] : [text] }
  const { part, errors } = readYaml(file, text)
  return { file, parts: [part], errors }
}

async function readTypescript(root: string, names: readonly string[]): Promise<FileParts[]> {
  const texts = names.map((file) => ({ file, text: readText(root, file) }))
  const readable = texts.flatMap(({ file, text }): TypescriptFile[] =>
    typeof text === 'string' ? [{ path: join(root, file), source: sourceText(file, text) }] : [],
  )
  const unreadable = texts.flatMap(({ file, text }): FileParts[] =>
    typeof text === 'object' ? [{ file, parts: [broken], errors: [text] }] : [],
  )
  const loaded = await loadTypescript(readable.map((file) => file.path))
  const files = readable.map((file, i): FileParts => {
    const { definitions = [], thrown } = loaded[i] ?? {}
    if (thrown !== undefined)
      return { file: file.source.file, parts: [broken], errors: [thrownError(root, file, thrown)] }
    return {
      file: file.source.file,
      parts: definitions.map((d) => exportPart(file.source, d.export, d.document)),
      errors: [],
    }
  })
  return [...unreadable, ...files]
}

/** Stands for a file that could not be read. */
const broken: Part = Object.freeze({ data: undefined, incomplete: true, locate: () => ({ at: '', offset: 0 }) })

/** The text of a file; an error where it cannot be read as text; undefined where it is not there. */
function readText(root: string, file: string): string | ProvenderError | undefined {
  try {
    const path = join(root, file)
    if (statSync(path).size > fileLimits.bytes)
      return fail('SYNTAX_ERROR', `${file} is larger than ${fileLimits.bytes / 1024 / 1024} MiB`, { at: `${file}:1:1` })
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT' && file === configFile) return undefined
    const reason =
      thrown instanceof TypeError
        ? 'it is not UTF-8'
        : thrown instanceof Error
          ? thrown.message.replaceAll(`${root}/`, '')
          : String(thrown)
    return fail('SYNTAX_ERROR', `${file} cannot be read: ${reason}`, {
      at: `${file}:1:1`,
      remedy: 'Save it as UTF-8 text that you may read.',
      cause: thrown,
    })
  }
}

/** The files of definitions, relative to the repository, sorted. Links are followed; a folder is entered once. */
function findFiles(root: string): string[] {
  const found: string[] = []
  const entered = new Set<string>()
  const enter = (dir: string): void => {
    const real = realPath(dir)
    if (real === undefined || entered.has(real)) return
    entered.add(real)
    for (const entry of readdirSync(dir, { withFileTypes: true }).sort(byName)) {
      if (entry.name.startsWith('.') || entry.name === 'node_modules') continue
      const path = join(dir, entry.name)
      const kind = entry.isSymbolicLink() ? statSync(path, { throwIfNoEntry: false }) : entry
      if (kind?.isDirectory() === true) enter(path)
      else if (kind?.isFile() === true && /\.(?:yaml|yml|(?<!\.d\.)ts)$/.test(entry.name))
        found.push(relative(root, path))
      if (found.length > fileLimits.files)
        throw fail('INVALID_DEFINITION', `features/ has more than ${fileLimits.files} files`)
    }
  }
  enter(join(root, 'features'))
  return found.sort()
}

const byName = (a: Dirent, b: Dirent): number => (a.name < b.name ? -1 : 1)

function realPath(dir: string): string | undefined {
  const there = statSync(dir, { throwIfNoEntry: false })
  return there?.isDirectory() === true ? realpathSync(dir) : undefined
}
