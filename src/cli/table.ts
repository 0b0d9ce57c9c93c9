import { csvLine } from '../codecs/csv.ts'
import { counted } from './number-text.ts'
import type { Stream } from './terminal.ts'
import { cut } from './wrapped.ts'

/** A column of a table. */
export interface Column {
  readonly name: string
  /** Numbers stand at the right. */
  readonly right?: boolean
}

/** Rows of text. A null is nothing in CSV and blank on a terminal. */
export interface Grid {
  readonly columns: readonly Column[]
  readonly rows: readonly (readonly (string | null)[])[]
}

/** Longer cells are cut on a terminal: one long text must not push all else out of sight. */
const maxCellWidth = 60
/** Less of a cell says nothing. */
const minCellWidth = 12
const gap = '  '

/** A table as text: aligned on a terminal, CSV elsewhere. */
export async function tableText(grid: Grid, stream: Stream): Promise<string> {
  return stream.isTerminal
    ? aligned(grid, stream)
    : [csvLine(grid.columns.map((column) => column.name)), ...grid.rows.map(csvLine)].join('')
}

/** Columns that fit the window, aligned; the last one cut to what is left, and those beyond counted in a last line. */
export async function aligned({ columns, rows }: Grid, { colours, width }: Stream): Promise<string> {
  const widthOf = await textWidth([...columns.map((column) => column.name), ...rows.flat()])
  const cells = [
    columns.map((column) => column.name),
    ...rows.map((row) => row.map((cell) => cut(oneLine(cell ?? ''), maxCellWidth))),
  ]
  const widths = fitting(
    columns.map((_, c) => cells.reduce((widest, row) => Math.max(widest, widthOf(row[c] ?? '')), 0)),
    width,
  )
  const lines = cells.map((row) => {
    const padded = widths.map((room, c) => {
      const cell = cut(row[c] ?? '', room)
      const space = ' '.repeat(Math.max(0, room - widthOf(cell)))
      return columns[c]?.right === true ? space + cell : cell + space
    })
    return padded.join(gap).trimEnd()
  })
  const [header = '', ...body] = lines
  const hidden = columns.slice(widths.length).map((column) => column.name)
  return [
    colours.bold(header),
    ...body,
    ...(hidden.length === 0
      ? []
      : [colours.dim(`… and ${counted(hidden.length, 'more column')}: ${hidden.join(', ')}`)]),
    '',
  ].join('\n')
}

/** The widths of the columns that are shown: all that fit, and one more, narrower, if there is room for some of it. */
function fitting(widths: readonly number[], width: number): number[] {
  const shown: number[] = []
  let left = width
  for (const each of widths) {
    left -= shown.length === 0 ? 0 : gap.length
    if (each > left && left < minCellWidth && shown.length > 0) break
    shown.push(Math.min(each, Math.max(left, minCellWidth)))
    left -= each
  }
  return shown
}

const oneLine = (cell: string): string => cell.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, ' ')

/** How many columns of a terminal a text takes. Its tables take 25 ms to load, so they are loaded only where a text needs them. */
async function textWidth(texts: readonly (string | null)[]): Promise<(text: string) => number> {
  if (texts.every((text) => text === null || /^[\u0000-\u024f…]*$/.test(text))) return (text) => text.length
  return (await import('string-width')).default
}
