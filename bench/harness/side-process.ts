import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Answer, Order } from './child.ts'

/** What a process used while something ran. Memory is the peak of that time. */
export interface Usage {
  readonly wallSeconds: number
  /** Of all threads, user and system. */
  readonly cpuSeconds: number
  /** All resident pages, those of mapped files too. Elsewhere than on Linux: the peak since the process began. */
  readonly rssBytes: number
  /** Resident pages that belong to no file, sampled; elsewhere than on Linux the same as `rssBytes`. */
  readonly anonBytes: number
}

/** What a side's `run` measured by itself, and what it used. */
export type Run = Usage & { readonly figures: Readonly<Record<string, number>> }

/** How a side is started. */
export interface SideOptions {
  /** Given to the module's `open`; must survive JSON. */
  readonly input?: unknown
  /** Arguments of Node. */
  readonly execArgv?: readonly string[]
}

const sampleMs = 20

/**
 * One side of a comparison in a process of its own. Its module exports `open(input)`, which prepares and answers
 * `{ info?, run?(argument), close?() }`; `run` answers figures of its own by name, or nothing.
 */
export class SideProcess implements AsyncDisposable {
  /** What `open` has told: a port, say. */
  readonly info: unknown
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, info: unknown) {
    this.#child = child
    this.info = info
  }

  /** Starts a process for a module and waits until it has opened it. */
  static async start(module: URL, options: SideOptions = {}): Promise<SideProcess> {
    const child = fork(fileURLToPath(new URL('./child.ts', import.meta.url)), [fileURLToPath(module)], {
      execArgv: ['--disable-warning=ExperimentalWarning', '--conditions=provender-source', ...(options.execArgv ?? [])],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    try {
      const { result } = await ask(child, { do: 'open', argument: options.input ?? null })
      return new SideProcess(child, result)
    } catch (thrown) {
      child.kill('SIGKILL')
      throw thrown
    }
  }

  /** Lets the side do its work once, and says what that used. */
  async run(argument: unknown = null): Promise<Run> {
    const { result, usage } = await this.during(() => ask(this.#child, { do: 'run', argument }))
    return { ...usage, figures: (result.result ?? {}) as Run['figures'] }
  }

  /** Says what the process used while work was done elsewhere: requests to a server that it runs, say. */
  async during<T>(work: () => Promise<T>): Promise<{ result: T; usage: Usage }> {
    const begun = await ask(this.#child, { do: 'usage', argument: 'begin' })
    let anonBytes = this.#anonBytes()
    const sampler = setInterval(() => (anonBytes = Math.max(anonBytes, this.#anonBytes())), sampleMs)
    const startedMs = performance.now()
    try {
      const result = await work()
      const wallSeconds = (performance.now() - startedMs) / 1000
      const ended = await ask(this.#child, { do: 'usage', argument: 'end' })
      return {
        result,
        usage: {
          wallSeconds,
          cpuSeconds: ended.cpuSeconds - begun.cpuSeconds,
          rssBytes: ended.rssBytes,
          anonBytes: anonBytes === 0 ? ended.rssBytes : Math.max(anonBytes, this.#anonBytes()),
        },
      }
    } finally {
      clearInterval(sampler)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    await ask(this.#child, { do: 'close', argument: null }).catch(() => this.#child.kill('SIGKILL'))
    await exited
  }

  #anonBytes(): number {
    try {
      const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')
      return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024
    } catch {
      return 0
    }
  }
}

/** Runs a module once in a process of its own: opened, run, closed. */
export async function runSide(module: URL, options: SideOptions & { readonly argument?: unknown } = {}): Promise<Run> {
  await using side = await SideProcess.start(module, options)
  return await side.run(options.argument)
}

let orders = 0

async function ask(child: ChildProcess, order: Omit<Order, 'id'>): Promise<Extract<Answer, { ok: true }>> {
  const id = ++orders
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      child.off('message', onMessage)
      child.off('exit', onExit)
    }
    const onMessage = (message: unknown): void => {
      const answer = message as Answer
      if (answer.id !== id) return
      stop()
      if (answer.ok) resolve(answer)
      else reject(new Error(answer.error))
    }
    const onExit = (code: number | null, signal: string | null): void => {
      stop()
      reject(new Error(`A side's process ended with ${signal ?? code}`))
    }
    child.on('message', onMessage)
    child.on('exit', onExit)
    child.send({ ...order, id }, (error) => error !== null && onExit(null, error.message))
  })
}
