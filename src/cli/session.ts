import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Store } from '../contract/store.ts'
import type { Config } from '../define/config.ts'
import type { Definitions, WireDefinitions } from '../define/definition.ts'
import type { LoadedRepository } from '../definitions/load-files.ts'
import { fail, failAll } from '../kernel/errors.ts'
import type { Terminal } from './terminal.ts'
import { fitted } from './wrapped.ts'

/** What stands before or after every command. */
export interface GlobalOptions {
  readonly dir?: string | undefined
  readonly url?: string | undefined
  readonly json?: true | undefined
}

/** What a command has to say when it is done. */
export interface Answer {
  /** The one document of --json. */
  readonly json: unknown
  /** The same for people, with its line ends. */
  readonly text: () => string | Promise<string>
  /** The next sensible command. */
  readonly next?: string | undefined
}

/** One command's life: its options, its terminal, its store, and how it ends. */
export class Session implements AsyncDisposable {
  readonly terminal: Terminal
  readonly #globals: () => GlobalOptions
  readonly #abort = new AbortController()
  readonly #owned = new AsyncDisposableStack()
  #store: Promise<Store> | undefined
  #drift: Promise<string | undefined> | undefined
  #next: string | undefined
  /** What to do again after an interruption; the whole command line unless a command knows better. */
  resume: string
  /** What an interruption leaves done, where a command knows. */
  kept: string | undefined
  exitCode = 0
  /** Whether the answer is out. */
  printed = false

  constructor(terminal: Terminal, globals: () => GlobalOptions, resume: string) {
    this.terminal = terminal
    this.#globals = globals
    this.resume = resume
  }

  get json(): boolean {
    return this.#globals().json === true
  }

  /** Whether the command talks to a server. */
  get isRemote(): boolean {
    return this.#globals().url !== undefined
  }

  /** What every call to the store carries. */
  get call(): { readonly signal: AbortSignal } {
    return { signal: this.#abort.signal }
  }

  /** Ends the running call; what it throws then is INTERRUPTED. */
  interrupt(): void {
    this.#abort.abort(fail('INTERRUPTED', 'Interrupted', { remedy: `Resume with  ${this.resume}` }))
  }

  /** Waits for a signal that ends the command. */
  async stopped(): Promise<void> {
    const { signal } = this.#abort
    if (!signal.aborted)
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  }

  get interrupted(): boolean {
    return this.#abort.signal.aborted
  }

  /** Refuses --url where a command works on this machine only. @throws USAGE. */
  refuseUrl(command: string): void {
    if (this.#globals().url !== undefined)
      throw fail('USAGE', `${command} works in a folder, not with --url`, { remedy: 'Leave out --url.' })
  }

  /** The repository's folder on this machine: --dir, or the nearest one upwards. @throws NO_REPOSITORY. */
  async dir(): Promise<string> {
    const { dir } = this.#globals()
    const { configFile, findRepository } = await import('../definitions/config.ts')
    if (dir === undefined) return findRepository(process.cwd())
    if (!existsSync(join(dir, configFile))) throw fail('NO_REPOSITORY', `There is no ${configFile} in ${resolve(dir)}`)
    return resolve(dir)
  }

  /** The repository as its files have it, right or wrong. @throws NO_REPOSITORY. */
  async files(): Promise<LoadedRepository> {
    const dir = await this.dir()
    const { loadRepository } = await import('../definitions/load-files.ts')
    return loadRepository(dir)
  }

  /** The definitions and the configuration of the files. @throws all their errors as one. */
  async definitions(): Promise<{ readonly definitions: Definitions; readonly config: Config }> {
    const { definitions, config, errors } = await this.files()
    if (errors.length > 0 || config === undefined) throw failAll(errors)
    return { definitions, config }
  }

  /** The store, here or behind --url, closed when the command ends. The commands that read no files say so if those of the repository here differ from its registry; one that serves opens every engine at once, to fail now if it has to. */
  store(reads: 'registry' | 'files' | 'everything' = 'registry'): Promise<Store> {
    this.#store ??= this.#open(reads)
    return this.#store
  }

  async #open(reads: 'registry' | 'files' | 'everything'): Promise<Store> {
    const { url } = this.#globals()
    if (url !== undefined) {
      const { openRemoteStore } = await import('../client/open-remote.ts')
      return this.#owned.use(await openRemoteStore({ url, timeoutMs: patienceMs }))
    }
    const dir = await this.dir()
    const { openStore } = await import('../compose/open-store.ts')
    const store = this.#owned.use(await openStore(dir, { serves: reads === 'everything' }))
    if (reads !== 'files') {
      const { driftOf } = await import('./drift.ts')
      this.#drift = driftOf(dir, store, this.call)
    }
    return store
  }

  /** The definitions of the registry's head, in the form that can be looked up. */
  async head(store: Store): Promise<Definitions> {
    const { fromWire } = await import('../define/wire.ts')
    const { definitions } = await store.registry(undefined, this.call)
    return fromWire(definitions satisfies WireDefinitions)
  }

  /** Prints what a command has to say. */
  async print(answer: Answer): Promise<void> {
    this.#next = answer.next
    const text = this.json ? await documentOf(answer.json) : await answer.text()
    this.printed = true
    await this.terminal.write(text)
  }

  /** A line of talk, also with --json. */
  note(line: string): void {
    this.terminal.say(`${this.terminal.err.colours.yellow('!')} ${fitted(line, this.terminal.err, 2).join('\n  ')}`)
  }

  /** The last words: what differs, and the next command. */
  async end(): Promise<void> {
    await this.noteDrift()
    if (this.json || this.#next === undefined) return
    const { cyan } = this.terminal.err.colours
    this.terminal.say(`Next: ${cyan(this.#next)}`)
    this.#next = undefined
  }

  /** Says once that the files differ from the registry, if they do: a name that is unknown may stand in them. */
  async noteDrift(): Promise<void> {
    const drift = this.interrupted ? undefined : await this.#drift
    this.#drift = undefined
    if (drift !== undefined) this.note(drift)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync()
  }
}

/** A server may take as long as a store here: who waits too long ends the command. */
const patienceMs = 86_400_000

/** A document of --json: one line. */
export async function documentOf(value: unknown): Promise<string> {
  const { stringifyExact } = await import('../codecs/exact-json.ts')
  return `${stringifyExact(value)}\n`
}
