import { readFileSync } from 'node:fs'
import { Command, CommanderError } from '@commander-js/extra-typings'
import { type ProvenderError, asProvenderError, fail } from '../kernel/errors.ts'
import { nearest } from '../kernel/nearest.ts'
import { houseRules } from './command.ts'
import { type CommandEntry, commands } from './commands.ts'
import { Session, documentOf } from './session.ts'
import { shellWord } from './shell-word.ts'
import { type Terminal, openTerminal } from './terminal.ts'

/**
 * Runs one command line and answers its exit code; everything that can go wrong is reported here.
 * @param args without the program itself
 */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  const terminal = openTerminal(process.env)
  const program = newProgram()
  const session = new Session(terminal, () => program.opts(), commandText(args))
  const stop = listenToSignals(session)
  try {
    await using owned = session
    if (args[0] === 'complete' && args[1] === '--') {
      const { completionAnswer } = await import('./completion/answer.ts')
      await terminal.write(await completionAnswer(owned, program, args.slice(2)))
      return 0
    }
    const words = await addCommands(program, owned, args)
    await program.parseAsync(words, { from: 'user' })
    await owned.end()
    return owned.exitCode
  } catch (thrown) {
    return await report(thrown, { terminal, session, json: wantsJson(args) })
  } finally {
    stop()
    await terminal.flush()
  }
}

/** The program without its commands: what stands before all of them. */
export function newProgram() {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return houseRules(new Command('provender'))
    .description('A feature store: the value that a model is served is the value that it was trained on.')
    .helpCommand(false)
    .version(version, '-V, --version', 'print the version')
    .option('--dir <dir>', 'the feature repository; otherwise the nearest folder upwards with a provender.yaml')
    .option('--url <url>', 'a Provender server to talk to')
    .option('--json', 'print one JSON document')
    .addHelpText('after', firstSteps)
}

const firstSteps = `
First steps:
  provender init my-store && cd my-store   an example with real data
  provender dev                            apply, materialize and serve it`

/** Adds all commands by name, the one that is meant with its code; answers the arguments to parse. */
async function addCommands(
  program: ReturnType<typeof newProgram>,
  session: Session,
  args: readonly string[],
): Promise<string[]> {
  const at = commandAt(args)
  const isHelp = args[at] === 'help'
  const words = isHelp ? [...args.slice(at + 1, at + 2), '--help'] : [...args]
  const name = isHelp ? args[at + 1] : args[at]
  if (name !== undefined && !commands.some((entry) => entry.name === name)) throw unknownCommand(name)
  for (const entry of commands) {
    const command = entry.name === name ? (await entry.load())(session) : new Command(entry.name)
    command.addHelpText('after', helpTail(entry))
    program.addCommand(command.summary(entry.summary).helpGroup(`${entry.group}:`))
  }
  if (name === undefined && words.every((word) => !/^(?:-h|--help|-V|--version)$/.test(word))) {
    if (wantsJson(args)) throw fail('USAGE', 'There is no command', { remedy: 'provender --help lists them.' })
    program.outputHelp({ error: true })
    throw new CommanderError(2, 'commander.help', '')
  }
  return words
}

/** What the help of a command ends with. */
const helpTail = ({ examples, json }: CommandEntry): string =>
  ['', 'Examples:', ...examples.map((example) => `  ${example}`), '', `--json prints ${json}`].join('\n')

/** The index of the first word that is neither an option of the program nor the value of one. */
function commandAt(args: readonly string[]): number {
  let at = 0
  while (at < args.length && args[at]?.startsWith('-') === true)
    at += args[at] === '--dir' || args[at] === '--url' ? 2 : 1
  return at
}

function unknownCommand(name: string): ProvenderError {
  const near = nearest(
    name,
    commands.map((entry) => entry.name),
  )
  return fail('USAGE', `There is no command "${name}"`, {
    remedy: near === undefined ? 'provender --help lists them.' : `Did you mean  provender ${near} ?`,
  })
}

/** The first signal ends the running call; the second ends the process. */
function listenToSignals(session: Session): () => void {
  const onSignal = (): void => {
    if (session.interrupted) process.exit(interruptedExit)
    session.interrupt()
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  return () => process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
}

const interruptedExit = 130

/** Before the arguments are parsed, and when they cannot be. */
function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf('--')
  return (end === -1 ? args : args.slice(0, end)).includes('--json')
}

interface Reported {
  readonly terminal: Terminal
  readonly session: Session
  readonly json: boolean
}

async function report(thrown: unknown, { terminal, session, json }: Reported): Promise<number> {
  if (thrown instanceof CommanderError && (thrown.exitCode === 0 || thrown.code === 'commander.help'))
    return thrown.exitCode
  const error =
    session.interrupted && !(thrown instanceof CommanderError) ? interruptionOf(session, thrown) : errorOf(thrown)
  // One document at most: what fails after it was printed, such as the closing of the store, is talk.
  if (json && !session.printed) {
    await terminal.write(await documentOf(error.toProblem()))
  } else {
    const { errorText } = await import('./error-text.ts')
    // What is typed for it stands on the line already.
    if (session.interrupted && terminal.err.isTerminal) terminal.say('')
    terminal.say(errorText(error, terminal.err))
    if (error.exit === unknownExit) await session.noteDrift()
    if (error.code === 'INTERNAL' && process.env['PROVENDER_DEBUG'] !== undefined)
      terminal.say(String((error.cause as Error | undefined)?.stack))
  }
  return error.exit
}

/** Of errors that a name is unknown. */
const unknownExit = 4

/** Whatever a call threw after it was told to stop, the user stopped it. */
function interruptionOf(session: Session, thrown: unknown): ProvenderError {
  const detail = session.kept === undefined ? 'Stopped before it was done' : `Interrupted: ${session.kept}`
  return fail('INTERRUPTED', detail, {
    remedy: `Resume with  ${session.resume}`,
    cause: thrown,
  })
}

function errorOf(thrown: unknown): ProvenderError {
  // Closing the store failed after the command did: the command's own error says more.
  if (thrown instanceof SuppressedError) return errorOf(thrown.suppressed)
  if (!(thrown instanceof CommanderError)) return reportable(asProvenderError(thrown))
  return fail('USAGE', thrown.message.replace(/^error: /, ''), { cause: thrown })
}

/** There is no request id on a command line. */
function reportable(error: ProvenderError): ProvenderError {
  if (error.code !== 'INTERNAL') return error
  return fail('INTERNAL', error.message, { cause: error.cause, remedy: 'Report it with what PROVENDER_DEBUG=1 shows.' })
}

/** The command line as one could type it again. */
const commandText = (args: readonly string[]): string => ['provender', ...args].map(shellWord).join(' ')
