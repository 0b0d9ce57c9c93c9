import type { DoctorReport, Store } from '../contract/store.ts'
import { asProvenderError, fail } from '../kernel/errors.ts'
import { Caller } from './caller.ts'
import { Connections } from './connection.ts'
import { historicalVerbs } from './historical.ts'
import { onlineVerb } from './online.ts'
import { registryVerbs } from './registry.ts'
import { runVerbs } from './runs.ts'
import { writeVerbs } from './writes.ts'

/** Where a store is served, and how it is asked. */
export interface RemoteOptions {
  /** Where the server answers: `http://127.0.0.1:6580`, or beneath a path. */
  readonly url: string
  /** What says who asks, where the server wants to know. */
  readonly token?: string | undefined
  /** The deadline of every call that brings none; otherwise those of the routes: 250 ms online, 30 s else, none for what takes as long as it takes. */
  readonly timeoutMs?: number | undefined
}

/**
 * Opens a store that is served somewhere: the same verbs over HTTP.
 * @throws USAGE for what is no URL of a server; STORE_UNREACHABLE; what the server says.
 */
export async function openRemoteStore({ url, token, timeoutMs }: RemoteOptions): Promise<Store> {
  const server = { url: serverUrl(url), token: tokenOf(token) }
  const caller = new Caller(server.url, await Connections.open(server), { usualMs: timeoutMs })
  try {
    const { project } = await caller.ask('about', {}, undefined)
    return remoteStore(caller, project)
  } catch (thrown) {
    caller[Symbol.dispose]()
    throw thrown
  }
}

function remoteStore(caller: Caller, project: string): Store {
  return {
    project,
    ...registryVerbs(caller),
    ...historicalVerbs(caller),
    ...onlineVerb(caller),
    ...runVerbs(caller),
    ...writeVerbs(caller),
    load: (sources, options) => caller.ask('load', { body: JSON.stringify({ sources }) }, options),
    async maintain(options) {
      await caller.ask('maintain', { body: '{}' }, options)
    },
    health: (options) => healthOf(caller, options),
    doctor: async (options) => (await caller.ask('doctor', {}, options)) as DoctorReport,
    async [Symbol.asyncDispose]() {
      caller[Symbol.dispose]()
    },
  }
}

/** What the server says of each dependency; where it says nothing, that of itself. */
async function healthOf(caller: Caller, options: Parameters<Store['health']>[0]): ReturnType<Store['health']> {
  try {
    return (await caller.ask('readyz', {}, options)).dependencies as Awaited<ReturnType<Store['health']>>
  } catch (thrown) {
    const error = asProvenderError(thrown)
    if (error.code === 'INTERRUPTED') throw error
    return { server: { ok: false, detail: error.message } }
  }
}

/** @throws USAGE. */
function serverUrl(text: string): URL {
  const url = URL.parse(text)
  const isServer =
    url !== null && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '' && url.username === ''
  if (isServer && url.password === '') return url
  throw fail('USAGE', `"${text.replace(/\/\/[^@/]*@/, '//…@')}" is not the URL of a server`, {
    remedy: 'Write for example http://127.0.0.1:6580.',
  })
}

/** @throws USAGE, without the token. */
function tokenOf(token: string | undefined): string | undefined {
  if (token === undefined || /^[\x21-\x7e]+$/.test(token)) return token
  throw fail('USAGE', 'The token is not one: it holds spaces or characters that are not ASCII')
}
