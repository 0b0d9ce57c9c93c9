import { connect } from 'node:net'
import type { Config } from '../../define/config.ts'
import { type Finding, well, worth } from './finding.ts'

const answerMs = 500

/** Whether the server's port is free, or a Provender server has it. */
export async function serverFinding({ host, port }: Pick<Config['server'], 'host' | 'port'>): Promise<Finding> {
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`
  if (port === 0 || !(await isTaken(host, port))) return well(`nobody listens on ${address}; provender serve would`)
  if (await isOurs(address)) return well(`a Provender server answers on ${address}`)
  return worth(
    `another program listens on ${address}`,
    'Choose another port before you serve: server.port in provender.yaml, or --port.',
  )
}

/** Whether somebody takes a connection. One who listens on all addresses is asked on this machine. */
async function isTaken(host: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect({ host: host === '0.0.0.0' || host === '::' ? 'localhost' : host, port, timeout: answerMs })
  socket
    .on('connect', () => resolve(true))
    .on('timeout', () => resolve(false))
    .on('error', () => resolve(false))
  const taken = await promise
  socket.destroy()
  return taken
}

async function isOurs(address: string): Promise<boolean> {
  try {
    const answer = await fetch(`http://${address}/livez`, { signal: AbortSignal.timeout(answerMs) })
    return answer.headers.has('x-request-id') && (await answer.text()) === '{"ok":true}'
  } catch {
    return false
  }
}
