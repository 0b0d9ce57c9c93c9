import { type ProvenderError } from '../kernel/errors.ts'
import type { Colours } from './terminal.ts'

/**
 * An error for people: what happened, where, the lines around it, what to do next. Of an error that stands for several, all of
 * them, then their number.
 */
export function errorText(error: ProvenderError, colours: Colours): string {
  const all = error.errors.length === 0 ? [error] : error.errors
  const blocks = all.map((each) => blockOf(each, colours))
  if (all.length === 1) return blocks[0] ?? ''
  return [...blocks, colours.bold(`${all.length} errors`)].join('\n\n')
}

/** Pointers into a request mean nothing on a command line, but for those to rows of a file. */
function blockOf(error: ProvenderError, { red, bold, cyan, dim }: Colours): string {
  const { excerpt } = error
  const at = error.at === undefined || /^\/(?!rows\/)/.test(error.at) ? undefined : error.at
  return [
    `${red('x')} ${red(bold(error.code))}  ${error.message}`,
    ...(at === undefined ? [] : [`  ${cyan(at)}`]),
    ...(excerpt === undefined ? [] : excerpt.split('\n').map((line) => `    ${line}`)),
    `  Fix: ${error.remedy} ${dim(`(provender explain ${error.code})`)}`,
  ].join('\n')
}
