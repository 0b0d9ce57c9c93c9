import type { Stream } from './terminal.ts'

/** Narrower and wider lines are hard to read. */
const minWidth = 40
const maxWidth = 110

/** A sentence in lines of at most a width; in lines that can be read where that is a very small or great one. */
export function wrapped(text: string, width: number): string[] {
  const limit = Math.min(Math.max(width, minWidth), maxWidth)
  const lines = ['']
  for (const word of text.split(' ')) {
    const last = lines.at(-1) ?? ''
    if (last !== '' && last.length + 1 + word.length > limit) lines.push(word)
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`
  }
  return lines
}

/** A text of at most some characters: the last one says that there is more. */
export const cut = (text: string, chars: number): string =>
  text.length <= chars ? text : `${text.slice(0, chars - 1).toWellFormed()}…`

/** A sentence in lines that fit a window behind an indent; on one line where there is no window. */
export const fitted = (text: string, stream: Stream, indent: number): string[] =>
  stream.isTerminal ? wrapped(text, stream.width - indent) : [text]
