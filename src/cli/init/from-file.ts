import { basename, extname, isAbsolute, relative, resolve, sep } from 'node:path'
import { fail } from '../../kernel/errors.ts'
import { nearest } from '../../kernel/nearest.ts'
import { counted } from '../number-text.ts'
import type { Session } from '../session.ts'
import {
  type Candidate,
  canBeKey,
  canBeTimestamp,
  createdCandidate,
  keyCandidates,
  timestampCandidates,
} from './guess.ts'
import { type Profile, type ProfiledColumn, profileOf } from './profile.ts'
import { type Written, nameOf, written } from './written.ts'

/** What was asked for. */
export interface FromFile {
  /** The repository's folder, absolute. */
  readonly dir: string
  readonly file: string
  /** Column names with commas between; guessed unless given. */
  readonly key: string | undefined
  readonly timestamp: string | undefined
  /** Whether nobody is to be asked. */
  readonly yes: boolean
}

/** The definitions of a file, and what they were made from. */
export interface Guessed extends Written {
  /** Where the definitions go, relative to the repository. */
  readonly definitionsFile: string
  /** Where the file is copied to, relative to the repository; null where it is read where it lies. */
  readonly copyTo: string | null
  readonly lines: readonly string[]
  readonly timestamp: string
  readonly created: string | null
  readonly rows: number
}

/**
 * Guesses an entity, a source and a view from a file: the key and the event time are asked for on a terminal, the best guess
 * elsewhere.
 * @throws USAGE where the file cannot be used, or a column that is named cannot be what it is named for; INTERRUPTED.
 */
export async function guessFrom(session: Session, asked: FromFile): Promise<Guessed> {
  const file = resolve(asked.file)
  const profile = await profileOf(file, session.call.signal)
  const mayAsk = session.terminal.canAsk && !asked.yes && !session.json
  const keys = await keysOf(profile, asked, mayAsk)
  const timestamp = await timestampOf(profile, asked, mayAsk)
  const created = createdCandidate(profile, timestamp.column)
  const copyTo = copyOf(asked.dir, file)
  const path = copyTo ?? relative(asked.dir, file).split(sep).join('/')
  const choice = {
    profile,
    file: basename(file),
    path,
    keys: keys.map(({ column }) => column),
    timestamp: timestamp.column,
    created: created?.column,
  }
  const definitions = written(choice)
  if (definitions.features.length === 0)
    throw fail('USAGE', `${asked.file} has no column beside its key and times, so there is no feature`, {
      remedy: 'Choose other columns with --key and --timestamp.',
    })
  return {
    ...definitions,
    definitionsFile: `features/${definitions.source}.yaml`,
    copyTo,
    timestamp: timestamp.column.name,
    created: created?.column.name ?? null,
    rows: profile.rows,
    lines: linesOf(definitions, { keys, timestamp, created }),
  }
}

async function keysOf(profile: Profile, { key, file }: FromFile, mayAsk: boolean): Promise<Candidate[]> {
  if (key !== undefined)
    return key.split(',').map((name) => {
      const column = columnOf(profile, name.trim(), '--key')
      if (canBeKey(column)) return { column, score: 0, why: 'as --key says' }
      throw fail('USAGE', `--key: the column "${column.name}" is ${column.written}, which cannot be a join key`, {
        remedy: 'A join key is any scalar but a float.',
      })
    })
  const candidates = keyCandidates(profile)
  const [likeliest] = candidates
  if (likeliest === undefined)
    throw fail('USAGE', `${file} has no column that can be a key`, {
      remedy: 'A join key is any scalar but a float: add a column that says what each row is about.',
    })
  return [mayAsk ? await choose('What is each row about? The key of the entity:', candidates) : likeliest]
}

async function timestampOf(profile: Profile, { timestamp, file }: FromFile, mayAsk: boolean): Promise<Candidate> {
  if (timestamp !== undefined) {
    const column = columnOf(profile, timestamp, '--timestamp')
    if (canBeTimestamp(column)) return { column, score: 0, why: 'as --timestamp says' }
    throw fail('USAGE', `--timestamp: the column "${column.name}" is ${column.written}, not an instant`, {
      remedy: instantsRemedy,
    })
  }
  const candidates = timestampCandidates(profile)
  const [likeliest] = candidates
  if (likeliest === undefined)
    throw fail('USAGE', `${file} has no column of instants, so nothing says when its rows were true`, {
      remedy: instantsRemedy,
    })
  return mayAsk ? choose('When was each row true? The event time:', candidates) : likeliest
}

const instantsRemedy =
  'Write the event time as RFC 3339 (2026-01-31T10:00:00Z, or a date alone), or as a timestamp of Parquet.'

function columnOf({ columns }: Profile, name: string, option: string): ProfiledColumn {
  const found = columns.find((column) => column.name === name)
  if (found !== undefined) return found
  const names = columns.map((column) => column.name)
  const near = nearest(name, names)
  throw fail('USAGE', `${option}: there is no column "${name}"`, {
    remedy: near === undefined ? `The columns: ${names.join(', ')}.` : `Did you mean "${near}"?`,
  })
}

/** More would not be read. */
const shownCandidates = 10

async function choose(message: string, candidates: readonly Candidate[]): Promise<Candidate> {
  const { select, isCancel } = await import('@clack/prompts')
  const options = candidates
    .slice(0, shownCandidates)
    .map(({ column, why }, index) => ({ value: index, label: column.name, hint: why }))
  const answer = await select({ message, options, output: process.stderr })
  const chosen = isCancel(answer) ? undefined : candidates[answer]
  if (chosen === undefined)
    throw fail('INTERRUPTED', 'Nothing was written', { remedy: 'Run it again when you are ready.' })
  return chosen
}

/** A file in or beside the new folder is read where it lies; others are copied, and those whose name would be taken for a glob. */
function copyOf(dir: string, file: string): string | null {
  const path = relative(dir, file)
  const isNear = !isAbsolute(path) && !path.startsWith(`..${sep}..${sep}`)
  if (isNear && !/[*?[\]{}\\]/.test(path)) return null
  const suffix = extname(file).toLowerCase()
  return `data/${nameOf(basename(file, extname(file))) ?? 'rows'}${suffix}`
}

function linesOf(
  { features, leftOut, keys: joinKeys }: Written,
  { keys, timestamp, created }: { keys: readonly Candidate[]; timestamp: Candidate; created: Candidate | undefined },
): string[] {
  const types = new Map(joinKeys.map(({ column, type }) => [column, type]))
  return [
    ...keys.map(({ column, why }) => `key        ${column.name} ${types.get(column.name)}: ${why}`),
    `timestamp  ${timestamp.column.name}: ${timestamp.why}`,
    created === undefined ? 'created    none found' : `created    ${created.column.name}: ${created.why}`,
    `features   ${counted(features.length, 'column')}: ${features.map(({ name, type }) => `${name} ${type}`).join(', ')}`,
    ...(leftOut.length === 0
      ? []
      : [`left out   ${leftOut.map(({ name, written: type }) => `${name} (${type})`).join(', ')}`]),
  ]
}
