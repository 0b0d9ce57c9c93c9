import { once } from 'node:events'
import pc from 'picocolors'

/** Colours of one stream; the texts as they are where it shows none. */
export type Colours = ReturnType<typeof pc.createColors>

/** One of the two streams of a command's output. */
export interface Stream {
  readonly isTerminal: boolean
  readonly colours: Colours
  /** Columns of the window; 80 where there is none. */
  readonly width: number
}

/** Where a command's output goes: data to stdout, talk to stderr. */
export interface Terminal {
  readonly out: Stream
  readonly err: Stream
  /** Whether somebody can be asked: a terminal on both ends, and no CI. */
  readonly canAsk: boolean
  /** Writes data and waits until the reader has taken enough of it. */
  write(text: string): Promise<void>
  /** Writes a line of talk. */
  say(line: string): void
  /** Writes talk as it is: a progress bar that is drawn over. */
  draw(text: string): void
  /** Waits until all of it has left the process: pipes may take it later. */
  flush(): Promise<void>
}

const defaultWidth = 80

/** The terminal of this process. A reader that goes away (`| head`) ends the process quietly. */
export function openTerminal(environment: NodeJS.ProcessEnv): Terminal {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (thrown: NodeJS.ErrnoException) => {
      if (thrown.code === 'EPIPE') process.exit(0)
      throw thrown
    })
  }
  const isCi = isSet(environment['CI'])
  return {
    out: streamOf(process.stdout, environment),
    err: streamOf(process.stderr, environment),
    canAsk: process.stdin.isTTY && process.stderr.isTTY && !isCi,
    write: async (text) => {
      if (!process.stdout.write(text)) await once(process.stdout, 'drain')
    },
    say: (line) => void process.stderr.write(`${line}\n`),
    draw: (text) => void process.stderr.write(text),
    flush: async () => {
      const left = [process.stdout, process.stderr].map(
        (stream) => new Promise<void>((resolve) => stream.write('', () => resolve())),
      )
      await Promise.all(left)
    },
  }
}

function streamOf(stream: NodeJS.WriteStream, environment: NodeJS.ProcessEnv): Stream {
  const isTerminal = stream.isTTY
  const hasColours = isTerminal && !isSet(environment['NO_COLOR']) && environment['TERM'] !== 'dumb'
  return { isTerminal, colours: pc.createColors(hasColours), width: stream.columns ?? defaultWidth }
}

const isSet = (value: string | undefined): boolean => value !== undefined && value !== '' && value !== 'false'
