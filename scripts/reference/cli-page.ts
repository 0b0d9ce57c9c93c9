import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { newProgram } from '../../src/cli/command-line.ts'
import { type CommandEntry, commands } from '../../src/cli/commands.ts'
import { Session } from '../../src/cli/session.ts'
import { openTerminal } from '../../src/cli/terminal.ts'
import { errorTable } from '../../src/kernel/errors.ts'
import { anchorOf, code, generatedFrom, page, tableOf } from './markdown.ts'

/** The reference page of the command line, from the commands themselves. */
export async function cliPage(): Promise<string> {
  const session = new Session(openTerminal({}), () => ({}), '')
  const groups = [...new Set(commands.map(({ group }) => group))]
  const sections: string[] = []
  for (const group of groups) {
    sections.push(`## ${group}`)
    for (const entry of commands.filter((each) => each.group === group)) {
      const command = (await entry.load())(session)
      sections.push(...commandParts(entry, command))
    }
  }
  return page(
    '# Command line',
    generatedFrom('src/cli/'),
    introduction,
    tableOf(
      ['command', ''],
      commands.map(({ name, summary }) => [`[${code(name)}](#${anchorOf(name)})`, summary]),
    ),
    '## Options of every command',
    optionTable(newProgram()),
    conduct,
    '## Exit codes',
    exitCodes(),
    ...sections,
  )
}

const introduction = `\`provender [OPTIONS] COMMAND …\`. Without \`--url\` a command works on the feature repository in \`--dir\`, or the nearest
folder upwards with a \`provender.yaml\`: \`validate\`, \`plan\`, \`apply\` and \`dev\` read the definition files, all others the
registry. With \`--url\` it talks to a server; \`init\`, \`dev\` and \`serve\` do not go with it.`

const conduct = `Data goes to stdout, talk to stderr. \`--json\` prints one JSON document to stdout, and on failure the problem document of
[the error](errors.md). On a terminal, tables are for people; elsewhere they are CSV. Nothing is asked without a terminal: what
needs a yes says which flag to pass. Ctrl-C ends what runs at its next step, says how to resume, and exits with 130.`

function exitCodes(): string {
  const about: Readonly<Record<number, string>> = {
    0: 'done',
    1: 'failed',
    2: 'usage, or a bad request',
    3: 'definitions or configuration are not valid',
    4: 'an unknown name',
    5: 'a store cannot be reached, is full, or is too slow',
    7: 'a conflict, or a breaking change that was not allowed',
    10: '`plan --exit-code`: there are changes',
    11: '`plan --exit-code`: there are breaking changes',
    130: 'interrupted',
  }
  const codes = Object.entries(errorTable)
  const unnamed = codes.filter(([, { exit }]) => about[exit] === undefined).map(([name]) => name)
  if (unnamed.length > 0) throw new Error(`No words for the exit codes of ${unnamed.join(', ')}`)
  return tableOf(
    ['exit code', '', 'error codes'],
    Object.entries(about).map(([exit, words]) => [
      exit,
      words,
      codes
        .filter(([, row]) => row.exit === Number(exit))
        .map(([name]) => `[${name}](errors.md#${anchorOf(name)})`)
        .join(', '),
    ]),
  )
}

function commandParts(entry: CommandEntry, command: CommandUnknownOpts): string[] {
  const words = command.registeredArguments.map((each) => {
    const word = `${each.name()}${each.variadic ? '...' : ''}`
    return each.required ? `<${word}>` : `[${word}]`
  })
  return [
    `### ${entry.name}`,
    code(['provender', entry.name, ...words, ...(command.options.length > 0 ? ['[options]'] : [])].join(' ')),
    command.description(),
    tableOf(
      ['argument', ''],
      command.registeredArguments.map((each, i) => [code(words[i] ?? ''), each.description]),
    ),
    optionTable(command),
    `${code('--json')} prints ${code(entry.json)}`,
    `Examples:\n\n${entry.examples.map((example) => `- ${code(example.replace(/\s+#.*$/, ''))}${commentOf(example)}`).join('\n')}`,
  ]
}

/** What an example says of itself after a `#`. */
function commentOf(example: string): string {
  const comment = /\s#\s*(.*)$/.exec(example)?.[1]
  return comment === undefined ? '' : ` (${comment})`
}

const optionTable = (command: CommandUnknownOpts): string =>
  tableOf(
    ['option', ''],
    command.options.map(({ flags, description }) => [code(flags), description]),
  )
