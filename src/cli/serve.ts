import { fail } from '../kernel/errors.ts'
import { newCommand, portNumber, wholeNumber } from './command.ts'
import type { Session } from './session.ts'

const roles = ['api', 'worker'] as const

/** `serve`: the HTTP server and its background work, until a signal ends it. */
export function serveCommand(session: Session) {
  return newCommand('serve')
    .description('Run the HTTP server and its background work until Ctrl-C. It never applies.')
    .option('--port <n>', 'the port; 0 takes a free one. Otherwise that of provender.yaml, or 6580', portNumber)
    .option('--host <host>', 'the address to listen on; otherwise that of provender.yaml, or 127.0.0.1')
    .option('--role <roles>', 'what this process does: api, worker or both with a comma', rolesOf, roles)
    .option('--workers <n>', 'processes that answer (one, for now)', wholeNumber)
    .action(async ({ port, host, role, workers }) => {
      session.refuseUrl('serve')
      if (workers !== undefined && workers !== 1)
        throw fail('UNSUPPORTED', 'serve runs as one process for now', { remedy: 'Leave out --workers.' })
      if (!role.includes('api'))
        throw fail('UNSUPPORTED', 'A worker without the API is not built yet', { remedy: 'Use --role api,worker.' })
      const dir = await session.dir()
      const store = await session.store()
      const { serveRepository } = await import('../server/serve-repository.ts')
      const server = await serveRepository(store, dir, { host, port, background: role.includes('worker') })
      await session.print({
        json: { url: server.url, project: store.project },
        text: () => `Provender serves ${store.project} on ${server.url}\n`,
        next: `curl ${server.url}/v1/views`,
      })
      await session.end()
      await session.stopped()
      await server.close()
    })
}

function rolesOf(text: string): readonly (typeof roles)[number][] {
  return text.split(',').map((word) => {
    if (word === 'stream') throw fail('UNSUPPORTED', 'Streams are not built yet', { remedy: 'Use --role api,worker.' })
    const role = roles.find((each) => each === word)
    if (role === undefined)
      throw fail('USAGE', `There is no role "${word}"`, { remedy: 'The roles: api, worker, stream.' })
    return role
  })
}
