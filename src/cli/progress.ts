import type { RunProgress } from '../contract/store.ts'
import { numberText } from './number-text.ts'
import type { Terminal } from './terminal.ts'

/** What is told of runs while they proceed. */
export interface Progress {
  readonly report: (progress: RunProgress) => void
  /** Stops, and takes the bars away. */
  readonly end: () => void
}

/** Between two drawings of the bars, and between two lines where there is no terminal. */
const drawEveryMs = 100
const lineEveryMs = 10_000
const barCells = 24

/** Tells the progress of runs on stderr: a bar for each view on a terminal, a line every 10 s elsewhere. */
export function watchProgress(terminal: Terminal): Progress {
  const views = new Map<string, RunProgress>()
  return terminal.err.isTerminal ? bars(terminal, views) : lines(terminal, views)
}

function lines(terminal: Terminal, views: Map<string, RunProgress>): Progress {
  const timer = setInterval(() => {
    for (const progress of views.values())
      if (progress.phase !== 'done') terminal.say(`materialize ${progress.view}: ${progressText(progress)}`)
  }, lineEveryMs)
  timer.unref()
  return { report: (progress) => void views.set(progress.view, progress), end: () => clearInterval(timer) }
}

function bars(terminal: Terminal, views: Map<string, RunProgress>): Progress {
  let drawn = 0
  const { cyan, dim, green } = terminal.err.colours
  const clear = (): string => (drawn === 0 ? '' : `\u001b[${drawn}A\u001b[0J`)
  const lineOf = (progress: RunProgress, width: number): string => {
    const bar = barOf(progress).replaceAll(/█+/g, green).replaceAll(/░+/g, dim)
    return `${cyan(progress.view.padEnd(width))}  ${bar}  ${progressText(progress)}`
  }
  const draw = (): void => {
    const shown = [...views.values()].slice(0, maxBars)
    const width = Math.max(0, ...shown.map(({ view }) => view.length))
    terminal.draw(clear() + shown.map((each) => `${lineOf(each, width)}\n`).join(''))
    drawn = shown.length
  }
  const timer = setInterval(draw, drawEveryMs)
  timer.unref()
  return {
    report: (progress) => void views.set(progress.view, progress),
    end: () => {
      clearInterval(timer)
      terminal.draw(clear())
      drawn = 0
    },
  }
}

/** What is done of the whole; where the whole is not known, a block that wanders. */
function barOf({ phase, fraction }: RunProgress): string {
  if (fraction === null && phase !== 'done') {
    const at = Math.floor(Date.now() / drawEveryMs) % (barCells - blockCells)
    return '░'.repeat(at) + '█'.repeat(blockCells) + '░'.repeat(barCells - blockCells - at)
  }
  const cells = Math.round((phase === 'done' ? 1 : (fraction ?? 0)) * barCells)
  return '█'.repeat(cells) + '░'.repeat(barCells - cells)
}

const blockCells = 6

/** More would scroll, and what has scrolled cannot be drawn over. */
const maxBars = 12

/** `40 %  writing  12,345 rows  1,000 rows/s` */
export function progressText({ phase, fraction, rows, rowsPerSecond }: RunProgress): string {
  const share = fraction === null || phase === 'done' ? '' : `${Math.floor(fraction * 100)} %  `
  const speed = rowsPerSecond > 0 ? `  ${numberText(Math.round(rowsPerSecond))} rows/s` : ''
  return `${share}${phase}  ${numberText(rows)} rows${speed}`
}
