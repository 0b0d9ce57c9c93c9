import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { configFile } from '../definitions/config.ts'
import { fail } from '../kernel/errors.ts'
import { newCommand } from './command.ts'
import { configText, emptyTemplate } from './empty-template.ts'
import { type Guessed, guessFrom } from './init/from-file.ts'
import { counted } from './number-text.ts'
import type { Session } from './session.ts'
import { shellWord } from './shell-word.ts'
import { cut } from './wrapped.ts'

const templates = ['flights', 'empty'] as const
type Template = (typeof templates)[number]

/** The demo, beside src/ in a checkout and beside dist/ in the package; what of it is a repository. */
const flightsFolder = fileURLToPath(new URL('../../examples/flights/', import.meta.url))
const flightsParts = ['provender.yaml', 'features', 'data', 'DATA-LICENCE.md']

const ignoreFile = '.gitignore'

/** What editors check definitions by, and show while one types. */
const schemaFile = 'provender.schema.json'

/** `init`: a new feature repository from a template, or from a file of rows. */
export function initCommand(session: Session) {
  return newCommand('init')
    .description(
      'Write a feature repository: the flights example with real data, an empty one, or one for a file of your own.',
    )
    .argument('[name]', 'the folder to write; the one that you are in when left out')
    .option('--template <template>', `${templates.join(' or ')}; flights unless --from is given`, templateOf)
    .option(
      '--from <file>',
      'a .csv or .parquet file; one in or beside the new folder is read where it lies, others are copied',
    )
    .option('--key <columns>', 'with --from: the columns that say what a row is about, with commas between')
    .option('--timestamp <column>', 'with --from: the column that says when a row was true')
    .option('-y, --yes', 'ask nothing: take the best guess')
    .action(async (name, { template, from, key, timestamp, yes }) => {
      session.refuseUrl('init')
      if (from === undefined && (key !== undefined || timestamp !== undefined))
        throw fail('USAGE', '--key and --timestamp say something about a file', { remedy: 'Pass --from FILE.' })
      if (from !== undefined && template !== undefined)
        throw fail('USAGE', '--template and --from are two ways to begin', { remedy: 'Leave out one of them.' })
      const dir = resolve(name ?? '.')
      const guessed =
        from === undefined
          ? undefined
          : await guessFrom(session, { dir, file: from, key, timestamp, yes: yes === true })
      const files = guessed === undefined ? await templateFiles(template ?? 'flights') : fileFiles(guessed, from ?? '')
      const project = await writeAll(dir, files)
      const away = relative(process.cwd(), dir)
      const { green, dim } = session.terminal.out.colours
      await session.print({
        json: { dir, files: [...files.keys()], ...(guessed === undefined ? {} : { from: factsOf(guessed) }) },
        text: () =>
          [
            ...(guessed === undefined
              ? []
              : [
                  `From ${from}, ${counted(guessed.rows, 'row')}:`,
                  ...guessed.lines.map(
                    (line) =>
                      `  ${dim(line.slice(0, 11))}${cut(line.slice(11), session.terminal.out.isTerminal ? session.terminal.out.width - 13 : line.length)}`,
                  ),
                ]),
            ...[...files.keys()].map((file) => `  ${join(away, file)}`),
            `${green('✓')} A feature repository named ${project}: ${counted(files.size, 'file')} in ${away === '' ? 'this folder' : away}\n`,
          ].join('\n'),
        next: `${away === '' ? '' : `cd ${shellWord(away)} && `}provender dev`,
      })
    })
}

async function templateFiles(template: Template): Promise<Map<string, Content>> {
  return template === 'flights' ? flightsFiles() : new Map<string, Content>(emptyTemplate())
}

function fileFiles({ definitionsFile, text, copyTo }: Guessed, from: string): Map<string, Content> {
  const files = new Map<string, Content>([
    [configFile, { text: configText }],
    [definitionsFile, { text }],
  ])
  if (copyTo !== null) files.set(copyTo, { copy: resolve(from) })
  return files
}

const factsOf = ({ entity, source, view, keys, timestamp, created, features, leftOut, rows }: Guessed) => ({
  rows,
  entity,
  source,
  view,
  keys,
  timestamp,
  created,
  features,
  leftOut: leftOut.map(({ name, written }) => ({ column: name, type: written })),
})

/** Writes a repository whole, with what editors and version control need; answers its project's name. @throws USAGE where one of its files is there already. */
async function writeAll(dir: string, files: Map<string, Content>): Promise<string> {
  const { editorSchemaText } = await import('../definitions/json-schema.ts')
  files.set(schemaFile, { text: editorSchemaText() })
  // What the embedded engines write belongs to one machine. A folder under version control has its own list.
  if (!existsSync(join(dir, ignoreFile))) files.set(ignoreFile, { text: '.provender/\n' })
  const taken = [...files.keys()].filter((file) => existsSync(join(dir, file)))
  if (taken.length > 0)
    throw fail(
      'USAGE',
      `${dir} already has ${taken.slice(0, 3).join(', ')}${taken.length > 3 ? ` and ${taken.length - 3} more` : ''}`,
      { remedy: 'Choose another folder: provender init NAME. Nothing was written.' },
    )
  const project = projectName(basename(dir)) ?? 'features'
  for (const [file, content] of files) await writeOne(join(dir, file), content, project)
  return project
}

function templateOf(text: string): Template {
  const template = templates.find((each) => each === text)
  if (template === undefined)
    throw fail('USAGE', `There is no template "${text}"`, { remedy: `The templates: ${templates.join(', ')}.` })
  return template
}

/** A file to write: its text, or the file to copy. */
type Content = { readonly text: string } | { readonly copy: string }

async function writeOne(path: string, content: Content, project: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  if ('copy' in content && basename(path) !== configFile) return cp(content.copy, path)
  const text = 'copy' in content ? await readFile(content.copy, 'utf8') : content.text
  await writeFile(path, text.replace(/^project: .*$/m, `project: ${project}`), { flag: 'wx' })
}

async function flightsFiles(): Promise<Map<string, Content>> {
  const files = new Map<string, Content>()
  for (const part of flightsParts) {
    const path = join(flightsFolder, part)
    if (part.includes('.')) files.set(part, { copy: path })
    else for (const name of (await readdir(path)).sort()) files.set(join(part, name), { copy: join(path, name) })
  }
  return files
}

/** A folder's name as a project's, if it can be one. */
function projectName(folder: string): string | undefined {
  const name = folder
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, maxProjectChars)
  return name === '' ? undefined : name
}

const maxProjectChars = 63
