import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StoreUnderTest } from 'provender/testing'
import { openRemoteStore } from '../../src/client/open-remote.ts'
import type { Store } from '../../src/contract/store.ts'
import { startServer } from '../../src/server/start.ts'

/**
 * The store of a harness over HTTP: a real server on it, and a client as its store. What harms the store, its clock and the points of its
 * runs are on the server's side.
 */
export async function openRemoteUnderTest(open: () => Promise<StoreUnderTest>): Promise<StoreUnderTest> {
  await using owned = new AsyncDisposableStack()
  const served = owned.use(await open())
  const server = owned.use(await serveUnderTest(served))
  const store = owned.use(await openRemoteStore({ url: server.url, timeoutMs: 60_000 }))
  const kept = owned.move()
  return {
    store,
    get home() {
      return served.store
    },
    clock: served.clock,
    can: served.can,
    put: (source, file, table) => served.put(source, file, table),
    backupOnline: () => served.backupOnline(),
    wipeOnline: () => served.wipeOnline(),
    backupMetadata: () => served.backupMetadata(),
    onPhase: (hook) => served.onPhase(hook),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

/** A real server on the store of a harness. */
export async function serveUnderTest(served: StoreUnderTest): Promise<{ readonly url: string } & AsyncDisposable> {
  const dir = await mkdtemp(join(tmpdir(), 'provender-served-'))
  const server = await startServer(presentStore(served), {
    host: '127.0.0.1',
    port: 0,
    sql: true,
    roots: { dir, dataRoots: [] },
    logLevel: 'silent',
  })
  return {
    url: server.url,
    async [Symbol.asyncDispose]() {
      await server.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** The store that is open now: another one after metadata was put back. */
function presentStore(served: StoreUnderTest): Store {
  return new Proxy(served.store, {
    get: (_, name) => Reflect.get(served.store, name) as unknown,
  })
}
