import type { Command, CommandUnknownOpts } from '@commander-js/extra-typings'
import { errorTable } from '../../kernel/errors.ts'
import { commands } from '../commands.ts'
import { kinds } from '../kind.ts'
import type { Session } from '../session.ts'
import { type Known, readKnown } from './known.ts'
import { shells } from './script.ts'

/** Something that the word at the cursor may become. */
interface Choice {
  readonly value: string
  readonly about?: string
}

/** What may stand at the cursor: values to choose from, or files. */
interface Choices {
  readonly values: readonly Choice[]
  readonly files?: boolean
  /** Whether more is to be typed after the value: `airport=`. */
  readonly goesOn?: boolean
}

/** What shells read in the last line: no files, and no space after the value. */
const noFiles = 4
const noSpace = 2

/** A registry that answers later than this is too slow for who waits for it at a prompt. */
const patienceMs = 1000

/**
 * What the last word of a command line may become, as the shells' scripts read it: a line for each, its value and a few words
 * about it with a tab between, and a last line `:number` of how to go on. Never fails: then there is nothing to choose.
 * @param words without the program itself; the last one is that at the cursor, perhaps empty
 */
export async function completionAnswer(session: Session, program: Command, words: readonly string[]): Promise<string> {
  try {
    const word = words.at(-1) ?? ''
    const { values, files = false, goesOn = false } = await choicesFor(session, program, words)
    const lines = values
      .filter(({ value }) => value.startsWith(word))
      .map(({ value, about = '' }) => `${value}\t${about.replaceAll(/\s+/g, ' ')}\n`)
    return `${lines.join('')}:${(files ? 0 : noFiles) + (goesOn ? noSpace : 0)}\n`
  } catch {
    return `:${noFiles}\n`
  }
}

async function choicesFor(session: Session, program: Command, words: readonly string[]): Promise<Choices> {
  const before = words.slice(0, -1)
  const word = words.at(-1) ?? ''
  const at = commandAt(before)
  const name = before[at]
  const entry = commands.find((each) => each.name === name)
  if (name === undefined || entry === undefined) {
    const previous = before.at(-1)
    if (previous === '--dir') return { values: [], files: true }
    if (previous === '--url') return { values: [] }
    if (name !== undefined && name !== 'help') return { values: [] }
    return {
      values: word.startsWith('-')
        ? optionsOf(program)
        : commands.map((each) => ({ value: each.name, about: each.summary })),
    }
  }
  const command = (await entry.load())(session)
  const previous = before.at(-1) ?? ''
  const option = optionOf(command, previous)
  const known = (): Promise<Known> => readKnown(session, globalsOf(before), patienceMs)
  if (option !== undefined) return valuesOf(option.attributeName(), known)
  if (/^--(?:dir|url)$/.test(previous)) return { values: [], files: previous === '--dir' }
  if (word.startsWith('-')) return { values: [...optionsOf(command), ...optionsOf(program)] }
  return argumentsOf(name, positionsOf(command, before.slice(at + 1)), { word, known })
}

/** The index of the first word that is neither an option of the program nor the value of one. */
function commandAt(words: readonly string[]): number {
  let at = 0
  while (at < words.length && words[at]?.startsWith('-') === true)
    at += words[at] === '--dir' || words[at] === '--url' ? 2 : 1
  return at
}

function globalsOf(words: readonly string[]): { readonly dir?: string; readonly url?: string } {
  const valueOf = (option: string): string | undefined => words[words.indexOf(option) + 1]
  const [dir, url] = ['--dir', '--url'].map((option) => (words.includes(option) ? valueOf(option) : undefined))
  return { ...(dir === undefined ? {} : { dir }), ...(url === undefined ? {} : { url }) }
}

const optionsOf = (command: CommandUnknownOpts): Choice[] =>
  [...command.options, command.createOption('-h, --help', 'display help for command')].flatMap(
    ({ long, description }) => (long === undefined || long === null ? [] : [{ value: long, about: description }]),
  )

/** The option that a word names, if it takes a value. */
const optionOf = (command: CommandUnknownOpts, word: string) =>
  command.options.find(({ short, long, required }) => required && (word === long || word === short))

/** The words that are neither options nor values of options. */
function positionsOf(command: CommandUnknownOpts, words: readonly string[]): string[] {
  const positions: string[] = []
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? ''
    if (!word.startsWith('-')) positions.push(word)
    else if (/^--(?:dir|url)$/.test(word) || optionOf(command, word) !== undefined) i++
  }
  return positions
}

const fileOptions: ReadonlySet<string> = new Set(['spine', 'out', 'batch', 'from'])

/** Values that options have, where they are few. */
const optionValues: Readonly<Record<string, readonly string[]>> = Object.freeze({
  template: ['flights', 'empty'],
  to: ['both', 'online', 'offline'],
  format: ['jsonl', 'csv', 'parquet'],
  kind: kinds,
  state: ['queued', 'running', 'succeeded', 'failed', 'cancelled'],
  knownBy: ['spine'],
  include: ['eventTimes'],
  role: ['api', 'worker'],
})

async function valuesOf(option: string, known: () => Promise<Known>): Promise<Choices> {
  if (fileOptions.has(option)) return { values: [], files: true }
  if (option === 'view') return { values: (await known()).views }
  if (option === 'source') {
    const { views, sources } = await known()
    return { values: [...views, ...sources] }
  }
  return { values: (optionValues[option] ?? []).map((value) => ({ value })) }
}

interface Asked {
  readonly word: string
  readonly known: () => Promise<Known>
}

/** What may stand at the place of the next argument, by the command and what stands before it. */
async function argumentsOf(name: string, given: readonly string[], { word, known }: Asked): Promise<Choices> {
  const [first] = given
  switch (name) {
    case 'get':
    case 'delete': {
      const all = await known()
      if (first !== undefined && !word.includes(':')) {
        const keys = all.keysOf(first).filter((key) => !given.some((each) => each.startsWith(`${key}=`)))
        if (keys.length > 0) return { values: keys.map((key) => ({ value: `${key}=` })), goesOn: true }
        return { values: [] }
      }
      return references(all, word, name === 'get')
    }
    case 'train':
      return references(await known(), word, true)
    case 'materialize':
      return { values: without((await known()).onlineViews, given) }
    case 'load':
      return { values: without((await known()).sources, given) }
    case 'push': {
      if (first !== undefined) return { values: [], files: true }
      const { views, sources } = await known()
      return { values: [...views, ...sources] }
    }
    case 'show': {
      const { views, services, sources, entities } = await known()
      return first === undefined ? { values: [...views, ...services, ...sources, ...entities] } : { values: [] }
    }
    case 'run':
      return { values: first === undefined ? (await known()).runs : [] }
    case 'rollback':
    case 'diff':
      return { values: (await known()).versions }
    case 'ls':
      return { values: first === undefined ? kinds.map((value) => ({ value })) : [] }
    case 'explain':
      return {
        values:
          first === undefined ? Object.entries(errorTable).map(([value, { title }]) => ({ value, about: title })) : [],
      }
    case 'completion':
      return { values: first === undefined ? shells.map((value) => ({ value })) : [] }
    case 'init':
      return { values: [], files: true }
    default:
      return { values: [] }
  }
}

const without = (choices: readonly Choice[], given: readonly string[]): Choice[] =>
  choices.filter(({ value }) => !given.includes(value))

/** Views and services; after a colon the features of that view. */
function references(known: Known, word: string, withServices: boolean): Choices {
  const [, view] = /^([a-z0-9_]+):/.exec(word) ?? []
  if (view !== undefined) return { values: known.featuresOf(view).map((feature) => ({ value: `${view}:${feature}` })) }
  return { values: [...known.views, ...(withServices ? known.services : [])] }
}
