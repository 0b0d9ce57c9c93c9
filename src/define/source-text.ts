import type { Place } from './place.ts'

/** A file's text, made ready to show places in it. */
export interface SourceText {
  /** Relative to the repository. */
  readonly file: string
  readonly text: string
  /** The place of a range of characters, the hint after its marker. */
  readonly place: (start: number, end: number, hint?: string) => Place
  /** The offset of a line and column, both from 1; the nearest one that exists. */
  readonly offsetOf: (line: number, column: number) => number
}

/** Long lines are shown around the place only. */
const shownChars = 160

/** Indexes the lines of a text. Columns count UTF-16 units from 1, as editors do. */
export function sourceText(file: string, text: string): SourceText {
  const starts = [0]
  for (let i = text.indexOf('\n'); i !== -1; i = text.indexOf('\n', i + 1)) starts.push(i + 1)
  const lineAt = (offset: number): number => {
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((starts[middle] ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return low
  }
  return Object.freeze({
    file,
    text,
    place: (start: number, end: number, hint?: string): Place => {
      const offset = Math.min(Math.max(start, 0), text.length)
      const line = lineAt(offset)
      const lineStart = starts[line] ?? 0
      const lineText = text.slice(lineStart, (starts[line + 1] ?? text.length + 1) - 1).replace(/\r$/, '')
      const column = offset - lineStart
      const excerpt = mark({ number: line + 1, text: lineText, column, width: end - offset }, hint)
      return { at: `${file}:${line + 1}:${column + 1}`, offset, excerpt }
    },
    offsetOf: (line: number, column: number): number => {
      const start = starts[Math.min(Math.max(line, 1), starts.length) - 1] ?? 0
      return Math.min(start + Math.max(column, 1) - 1, text.length)
    },
  })
}

interface Line {
  readonly number: number
  readonly text: string
  readonly column: number
  readonly width: number
}

function mark(line: Line, hint: string | undefined): string {
  const from = line.column < shownChars ? 0 : line.column - shownChars / 2
  const shown = line.text.slice(from, from + shownChars).replaceAll('\t', ' ')
  const label = `${line.number} | `
  const room = Math.max(1, shown.length - (line.column - from))
  const carets = '^'.repeat(Math.min(Math.max(line.width, 1), room))
  const spaces = ' '.repeat(label.length + line.column - from)
  return `${label}${shown}\n${spaces}${carets}${hint === undefined ? '' : `  ${hint}`}`
}
