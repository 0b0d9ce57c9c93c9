import type { Store } from 'provender'

/** Serves a store over HTTP until it is closed. */
type StartServer = (
  store: Store,
  options: { readonly host: string; readonly port: number; readonly backgroundMs: number },
) => Promise<{ readonly url: string; close(): Promise<void> }>

const name: string = 'provender'
export const { startServer } = (await import(name)) as { startServer: StartServer }
