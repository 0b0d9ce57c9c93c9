import { Command, type CommandUnknownOpts } from '@commander-js/extra-typings'
import { fail } from '../kernel/errors.ts'

/** A command of the house: its faults are thrown, so that they are reported like all others. */
export function newCommand(name: string): Command {
  return houseRules(new Command(name)).configureHelp({ showGlobalOptions: true })
}

/** Makes a command throw its faults and print none. */
export function houseRules<C extends CommandUnknownOpts>(command: C): C {
  command.exitOverride().configureOutput({ outputError: () => undefined })
  return command
}

/** Reads an option that is a whole number ≥ 0. @throws USAGE. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw fail('USAGE', `"${text}" is not a whole number`)
  return Number(text)
}

const maxPort = 65_535

/** Reads an option that is a port. @throws USAGE. */
export function portNumber(text: string): number {
  const port = wholeNumber(text)
  if (port > maxPort) throw fail('USAGE', `${port} is not a port`, { remedy: `Ports are numbers up to ${maxPort}.` })
  return port
}

/** Reads `key=value` words in order, as text. @throws USAGE for a word without `=`, and for a key given twice. */
export function pairsOf(words: readonly string[]): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>()
  for (const word of words) {
    const equals = word.indexOf('=')
    if (equals < 1)
      throw fail('USAGE', `"${word}" is not key=value`, {
        remedy: 'Write each join key as key=value, for example airport=ORD.',
      })
    const key = word.slice(0, equals)
    if (pairs.has(key)) throw fail('USAGE', `The key "${key}" is given twice`)
    pairs.set(key, word.slice(equals + 1))
  }
  return pairs
}

/** An object without the members that are undefined: options that were not given. */
export function given<T extends object>(options: T): { readonly [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}
