import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fail } from '../kernel/errors.ts'
import { newCommand } from './command.ts'
import { emptyTemplate } from './empty-template.ts'
import { counted } from './number-text.ts'
import type { Session } from './session.ts'
import { shellWord } from './shell-word.ts'

const templates = ['flights', 'empty'] as const
type Template = (typeof templates)[number]

/** The demo, beside src/ in a checkout and beside dist/ in the package; what of it is a repository. */
const flightsFolder = fileURLToPath(new URL('../../examples/flights/', import.meta.url))
const flightsParts = ['provender.yaml', 'features', 'data', 'DATA-LICENCE.md']

const ignoreFile = '.gitignore'

/** What editors check definitions by, and show while one types. */
const schemaFile = 'provender.schema.json'

/** `init`: a new feature repository from a template. */
export function initCommand(session: Session) {
  return newCommand('init')
    .description('Write a feature repository: the flights example with real data, or an empty one with comments.')
    .argument('[name]', 'the folder to write; the one that you are in when left out')
    .option('--template <template>', `${templates.join(' or ')}`, templateOf, 'flights' as const)
    .option('--from <file>', 'from a file of your own (not yet)')
    .option('-y, --yes', 'ask nothing (it asks nothing yet)')
    .action(async (name, { template, from }) => {
      session.refuseUrl('init')
      if (from !== undefined)
        throw fail('UNSUPPORTED', 'init --from is not built yet', {
          remedy: 'Use --template empty and write the source by hand.',
        })
      const dir = resolve(name ?? '.')
      const files = template === 'flights' ? await flightsFiles() : new Map<string, Content>(emptyTemplate())
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
      const away = relative(process.cwd(), dir)
      await session.print({
        json: { dir, files: [...files.keys()] },
        text: () =>
          `${[...files.keys()].map((file) => `  ${join(away, file)}\n`).join('')}${session.terminal.out.colours.green('✓')} A feature repository named ${project}: ${counted(files.size, 'file')} in ${away === '' ? 'this folder' : away}\n`,
        next: `${away === '' ? '' : `cd ${shellWord(away)} && `}provender apply`,
      })
    })
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
  if ('copy' in content && basename(path) !== 'provender.yaml') return cp(content.copy, path)
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
