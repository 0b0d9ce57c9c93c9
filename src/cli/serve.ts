import { fail } from '../kernel/errors.ts'
import { parseDuration } from '../values/duration.ts'
import { newCommand, portNumber, wholeNumber } from './command.ts'
import type { Session } from './session.ts'

const roles = ['api', 'worker'] as const
type Role = (typeof roles)[number]

const mostWorkers = 256
const longestDrainWaitMs = 600_000

/** `serve`: the HTTP server and its background work, until a signal ends it. */
export function serveCommand(session: Session) {
  return newCommand('serve')
    .description('Run the HTTP server and its background work until Ctrl-C. It never applies.')
    .option('--port <n>', 'the port; 0 takes a free one. Otherwise that of provender.yaml, or 6580', portNumber)
    .option('--host <host>', 'the address to listen on; otherwise that of provender.yaml, or 127.0.0.1')
    .option(
      '--role <roles>',
      'what it does: api answers HTTP, worker brings pushed rows online; both with a comma',
      rolesOf,
      roles,
    )
    .option('--workers <n>', 'processes that answer; otherwise as provender.yaml says, or 1', workersOf)
    .option(
      '--drain-wait <duration>',
      'how long it goes on, not being ready any more, once it is told to end; 5s behind a balancer',
      drainWaitOf,
      0,
    )
    .action(async ({ port, host, role, workers, drainWait }) => {
      session.refuseUrl('serve')
      const dir = await session.dir()
      const { project, url, failed, close } = await serve(session, {
        dir,
        host,
        port,
        workers,
        roles: role,
        drainWaitMs: drainWait,
      })
      const isApi = role.includes('api')
      await session.print({
        json: { url, project },
        text: () =>
          isApi
            ? `Provender serves ${project} on ${url}\n`
            : `Provender works for ${project}; probes and /metrics answer on ${url}\n`,
        next: isApi ? `curl ${url}/v1/views` : `curl ${url}/readyz`,
      })
      await session.end()
      try {
        await Promise.race([session.stopped(), failed])
      } finally {
        const { hardExit } = await import('../server/hard-exit.ts')
        hardExit(drainWait, (line) => session.note(line))
        await close()
      }
    })
}

interface Serving {
  readonly dir: string
  readonly host: string | undefined
  readonly port: number | undefined
  readonly workers: number | undefined
  readonly roles: readonly Role[]
  readonly drainWaitMs: number
}

/** Starts the server, in this process or in several. `failed` rejects when it cannot go on. */
async function serve(session: Session, { workers: wanted, ...serving }: Serving) {
  const { dir } = serving
  const { loadConfig } = await import('../definitions/load-files.ts')
  const { server: config, project } = loadConfig(dir)
  // More processes help those that answer; work in the background is done once.
  const workers = serving.roles.includes('api') ? (wanted ?? config.workers) : 1
  const store = await session.store(workers === 1 ? 'everything' : 'registry')
  if (workers === 1) {
    const { serveRepository } = await import('../server/serve-repository.ts')
    const server = await serveRepository(store, dir, serving)
    return { project, url: server.url, failed: new Promise<never>(() => undefined), close: () => server.close() }
  }
  const { serveByWorkers } = await import('../server/primary.ts')
  const server = await serveByWorkers({
    ...serving,
    host: serving.host ?? config.host,
    port: serving.port ?? config.port,
    workers,
    say: (line) => session.note(line),
  })
  return { project, ...server }
}

function workersOf(text: string): number {
  const workers = wholeNumber(text)
  if (workers < 1 || workers > mostWorkers)
    throw fail('USAGE', `${workers} is no number of workers`, { remedy: `Give 1 to ${mostWorkers}: one a core.` })
  return workers
}

function drainWaitOf(text: string): number {
  const us = text === '0' ? 0n : parseDuration(text)
  if (us === undefined || us > BigInt(longestDrainWaitMs) * 1000n)
    throw fail('USAGE', `"${text}" is no time to wait`, {
      remedy: `Write 5s, for example; at most ${longestDrainWaitMs / 1000}s.`,
    })
  return Number(us / 1000n)
}

function rolesOf(text: string): readonly Role[] {
  const named = text.split(',').map((word) => {
    if (word === 'stream') throw fail('UNSUPPORTED', 'Streams are not built yet', { remedy: 'Use --role api,worker.' })
    const role = roles.find((each) => each === word)
    if (role === undefined)
      throw fail('USAGE', `There is no role "${word}"`, { remedy: 'The roles: api, worker, stream.' })
    return role
  })
  return [...new Set(named)]
}
