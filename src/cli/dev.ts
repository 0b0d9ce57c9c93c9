import { setTimeout as sleep } from 'node:timers/promises'
import { createInterface, type Interface } from 'node:readline'
import type { Store } from '../contract/store.ts'
import { newCommand, portNumber } from './command.ts'
import {
  type Development,
  applyPending,
  bringIn,
  bringOnline,
  tell,
  tellError,
  unmaterialized,
  viewsOf,
} from './dev/development.ts'
import { definitionLooks, newWatch, sourceLooks } from './dev/watch.ts'
import type { Session } from './session.ts'

/** Between two looks at the files of definitions, and at those of sources. */
const lookMs = 250
const sourceLookMs = 1000

/** `dev`: everything from the files to the server, and again whenever one is saved. */
export function devCommand(session: Session) {
  return newCommand('dev')
    .description(
      'Apply, materialize and serve the repository; then again whenever a definition or a file of a source changes. Ctrl-C ends it.',
    )
    .option('--port <n>', 'the port; 0 takes a free one. Otherwise that of provender.yaml, or 6580', portNumber)
    .option('-y, --yes', 'ask nothing: changes that break what services read are applied, too')
    .action(async ({ port, yes }) => {
      session.refuseUrl('dev')
      const dir = await session.dir()
      const store = await session.store('files')
      const { loadConfig } = await import('../definitions/load-files.ts')
      const { serveRepository } = await import('../server/serve-repository.ts')
      // First of all: a port that is taken is told before anything is changed.
      await using server = await serveRepository(store, dir, { port })
      const dev: Development = {
        session,
        store,
        applyBreaking: yes === true,
        config: loadConfig(dir),
        applied: await session.head(store),
        pending: undefined,
      }
      const definitionsWatch = newWatch(async () => definitionLooks(dir))
      await definitionsWatch()
      await begin(dev)
      await session.print({
        json: { url: server.url, project: store.project },
        text: () => `Provender serves ${store.project} on ${server.url}\n`,
      })
      tell(dev, await hints(session, store, server.url))
      await watching(dev, dir, definitionsWatch)
      tell(dev, `${session.terminal.err.isTerminal ? '\n' : ''}Stopped.`)
    })
}

/** The first round: the files into the registry, the rows online. Where the files have errors, what was applied before is served. */
async function begin(dev: Development): Promise<void> {
  tell(dev, dev.session.terminal.err.colours.bold(`Provender dev  ${dev.store.project}`))
  await bringIn(dev)
  await dev.store.load(undefined, dev.session.call)
  await bringOnline(dev, viewsOf(dev, [...dev.applied.sources.keys()]))
  tellWaiting(dev)
}

async function hints(session: Session, store: Store, url: string): Promise<string> {
  const { cyan, dim } = session.terminal.err.colours
  const { entityQuery } = await import('./entity-words.ts')
  const head = await session.head(store)
  const [view] = [...head.views.values()].filter(({ online }) => online)
  return [
    ...(view === undefined ? [] : [`  ${cyan(`curl '${url}/v1/online/${view.name}${entityQuery(head, view.name)}'`)}`]),
    dim('Watching provender.yaml, features/ and the files of sources. Ctrl-C ends.'),
  ].join('\n')
}

/** Looks at the files until the user ends it. */
async function watching(
  dev: Development,
  dir: string,
  savedDefinitions: () => Promise<readonly string[]>,
): Promise<void> {
  const { session } = dev
  const sources = new SourceWatches(dev, dir)
  using answers = new Answers()
  let sourcesAtMs = 0
  while (!session.interrupted) {
    try {
      answers.listen(dev.pending !== undefined && session.terminal.canAsk && !session.json)
      const saved = await savedDefinitions()
      const isTurn = performance.now() >= sourcesAtMs
      if (isTurn) sourcesAtMs = performance.now() + sourceLookMs
      const changed = isTurn ? await sources.changed() : []
      if (saved.length > 0) await define(dev, `${saved.join(', ')} saved`, async () => bringIn(dev))
      else if (answers.isYes()) await define(dev, undefined, async () => applyPending(dev))
      else if (isTurn && (await isOvertaken(dev))) await define(dev, 'applied elsewhere', async () => bringIn(dev))
      if (changed.length > 0) {
        tell(dev, headOf(dev, `new data in ${changed.join(', ')}`))
        await bringOnline(dev, viewsOf(dev, changed))
      }
    } catch (thrown) {
      if (session.interrupted) return
      tellError(dev, thrown)
    }
    await sleep(lookMs, undefined, session.call).catch(() => undefined)
  }
}

async function define(dev: Development, what: string | undefined, bring: () => Promise<boolean>): Promise<void> {
  if (what !== undefined) tell(dev, headOf(dev, what))
  if (await bring()) await bringOnline(dev, await unmaterialized(dev))
  else if (dev.pending === undefined) tell(dev, '  The server goes on with what was applied last.')
  tellWaiting(dev)
}

/** An empty line and the time, so that rounds can be told apart. */
const headOf = ({ session }: Development, what: string): string =>
  `\n${session.terminal.err.colours.dim(new Date().toLocaleTimeString('en-GB'))}  ${session.terminal.err.colours.bold(what)}`

/** What to do about changes that break what services read. */
function tellWaiting(dev: Development): void {
  const { terminal } = dev.session
  if (dev.pending === undefined) return
  const { yellow, cyan } = terminal.err.colours
  tell(dev, `${yellow('!')} Not applied, since it breaks what services read. Change the files, or all the same:`)
  tell(
    dev,
    terminal.canAsk
      ? `  type ${cyan('y')} and Enter, to apply it`
      : `  apply it with  ${cyan('provender apply --allow-breaking --yes')}`,
  )
}

/** Whether somebody else applied while a plan waits for a yes. */
async function isOvertaken({ store, session, pending }: Development): Promise<boolean> {
  return pending !== undefined && (await store.registry(undefined, session.call)).version !== pending.plan.version
}

/** Watches the files of all sources that the registry has. */
class SourceWatches {
  readonly #dev: Development
  readonly #dir: string
  readonly #watches = new Map<string, () => Promise<readonly string[]>>()

  constructor(dev: Development, dir: string) {
    this.#dev = dev
    this.#dir = dir
  }

  /** The names of the sources that have files which changed. */
  async changed(): Promise<string[]> {
    const changed: string[] = []
    for (const source of this.#dev.applied.sources.values()) {
      if (!('path' in source)) continue
      const watched = `${source.name} ${source.path}`
      const watch = this.#watches.get(watched) ?? newWatch(async () => sourceLooks(this.#dir, source))
      this.#watches.set(watched, watch)
      if ((await watch()).length > 0) changed.push(source.name)
    }
    return changed
  }
}

/** Lines typed on the terminal, read only while a question is open: a command in the background would be stopped for reading. */
class Answers {
  #lines: Interface | undefined
  #yes = false

  listen(isAsked: boolean): void {
    if (isAsked === (this.#lines !== undefined)) return
    this.#yes = false
    this.#lines?.close()
    this.#lines = isAsked ? createInterface({ input: process.stdin }) : undefined
    this.#lines?.on('line', (line) => (this.#yes = /^y(?:es)?$/i.test(line.trim())))
  }

  /** Whether somebody said yes since the last look. */
  isYes(): boolean {
    const yes = this.#yes
    this.#yes = false
    return yes
  }

  [Symbol.dispose](): void {
    this.listen(false)
  }
}
