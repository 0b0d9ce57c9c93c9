import pc from 'picocolors'
import type { Stream, Terminal } from '../../src/cli/terminal.ts'

const nowhere: Stream = { isTerminal: false, colours: pc.createColors(false), width: 80 }

/** A terminal that nobody looks at. */
export const silent: Terminal = {
  out: nowhere,
  err: nowhere,
  canAsk: false,
  write: async () => undefined,
  say: () => undefined,
  draw: () => undefined,
  flush: async () => undefined,
}
