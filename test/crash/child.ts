import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join, resolve } from 'node:path'

/** A program of this folder in a process of its own. Whatever it said before it was killed is read: it writes synchronously. */
export interface Child extends AsyncDisposable {
  /** Lines that it has said so far. */
  readonly lines: readonly string[]
  /** Resolves when a line for which `holds` is true was said, or the process has ended; answers whether it was said. */
  said(holds: (line: string, index: number) => boolean): Promise<boolean>
  /** Sends a line. */
  tell(line: string): void
  /** Kills it (SIGKILL), waits for its end and for its last words. Answers whether it was killed: false where it had ended before. */
  kill(): Promise<boolean>
  /** Stops it (SIGSTOP), so that it does nothing at all, until it goes on. */
  stop(): void
  goOn(): void
}

/** Says on the console how many kills landed after each point and before the next, and how many points were met. */
export function spreadOf(
  landed: readonly string[],
  points: readonly string[],
): { readonly within: number; readonly met: number } {
  const counts = points.map((point) => [point, landed.filter((each) => each === point).length] as const)
  console.log(`kills between a point and the next: ${JSON.stringify(Object.fromEntries(counts))}`)
  return { within: counts.reduce((sum, [, n]) => sum + n, 0), met: counts.filter(([, n]) => n > 0).length }
}

const node = [process.execPath, '--disable-warning=ExperimentalWarning'] as const

/** Starts a program, a file of this folder unless its path is absolute. */
export function startChild(program: string, ...words: readonly string[]): Child {
  const child = spawn(node[0], [node[1], resolve(import.meta.dirname, program), ...words], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // Half of a start is compiling, which needs to be done once.
    env: { ...process.env, NODE_COMPILE_CACHE: join(import.meta.dirname, '../../node_modules/.cache/crash') },
  })
  const lines: string[] = []
  const waiting = new Set<() => void>()
  const wake = (): void => {
    for (const each of waiting) each()
  }
  let rest = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
    wake()
  })
  // A process that is gone hears nothing; its end is told otherwise.
  child.stdin?.on('error', () => undefined)
  let end: { code: number | null; signal: string | null } | undefined
  const closed = once(child, 'close').then(([code, signal]: (number | string | null)[]) => {
    end = { code: code as number | null, signal: signal as string | null }
    wake()
    return end
  })
  return {
    lines,
    async said(holds) {
      for (;;) {
        if (lines.some(holds)) return true
        if (end !== undefined) return false
        await new Promise<void>((resolve) => {
          const once = (): void => {
            waiting.delete(once)
            resolve()
          }
          waiting.add(once)
        })
      }
    },
    tell: (line) => void child.stdin?.write(`${line}\n`),
    kill: () => killed(child, closed),
    stop: () => void child.kill('SIGSTOP'),
    goOn: () => void child.kill('SIGCONT'),
    async [Symbol.asyncDispose]() {
      await killed(child, closed)
    },
  }
}

async function killed(child: ChildProcess, closed: Promise<{ readonly signal: string | null }>): Promise<boolean> {
  child.kill('SIGKILL')
  return (await closed).signal === 'SIGKILL'
}
