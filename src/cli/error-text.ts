import { type ProvenderError } from '../kernel/errors.ts'
import type { Stream } from './terminal.ts'
import { fitted } from './wrapped.ts'

/**
 * An error for people: what happened, where, the lines around it, what to do next. Of an error that stands for several, all of
 * them, then their number.
 */
export function errorText(error: ProvenderError, stream: Stream): string {
  const all = error.errors.length === 0 ? [error] : error.errors
  const blocks = all.map((each) => blockOf(each, stream))
  if (all.length === 1) return blocks[0] ?? ''
  return [...blocks, stream.colours.bold(`${all.length} errors`)].join('\n\n')
}

/** Behind `Fix:`. */
const stepIndent = '       '

/** Pointers into a request mean nothing on a command line, but for those to rows of a file. */
function blockOf(error: ProvenderError, stream: Stream): string {
  const { red, bold, cyan, dim } = stream.colours
  const { excerpt } = error
  const at = error.at === undefined || /^\/(?!rows\/)/.test(error.at) ? undefined : error.at
  const [first = '', ...more] = fitted(`x ${error.code}  ${error.message}`, stream, 2)
  // Kept on one line: it is to be copied.
  const explain = `(provender explain ${error.code})`.replaceAll(' ', '\u00a0')
  const [fix = '', ...steps] = fitted(`Fix: ${error.remedy} ${explain}`, stream, stepIndent.length)
  const shown = (line: string): string => line.replace(explain, dim(explain.replaceAll('\u00a0', ' ')))
  return [
    `${red('x')} ${red(bold(error.code))}${first.slice(error.code.length + 2)}`,
    ...more.map((line) => `  ${line}`),
    ...(at === undefined ? [] : [`  ${cyan(at)}`]),
    ...(excerpt === undefined ? [] : excerpt.split('\n').map((line) => `    ${line}`)),
    `  ${shown(fix)}`,
    ...steps.map((line) => stepIndent + shown(line)),
  ].join('\n')
}
