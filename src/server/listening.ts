import type { AddressInfo } from 'node:net'
import { type ProvenderError, fail } from '../kernel/errors.ts'

/** Where a server that listens answers: `http://127.0.0.1:6580`. */
export function urlOf(address: AddressInfo | string | null, host: string): string {
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** Why a server does not listen. */
export const cannotListen = (
  { host, port }: { readonly host: string; readonly port: number },
  thrown: unknown,
): ProvenderError =>
  fail(
    'USAGE',
    `The server cannot listen on ${host}:${port}: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
    { cause: thrown, remedy: 'Free the port, or choose another: --port N, or server.port in provender.yaml.' },
  )
