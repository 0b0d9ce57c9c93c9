import { once } from 'node:events'
import { type AddressInfo, type Socket, connect, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { openRemoteStore } from '../../src/client/open-remote.ts'
import type { Store } from '../../src/contract/store.ts'
import type { WireDefinitions } from '../../src/define/definition.ts'
import { openMemoryStore } from '../support/memory-store.ts'
import { serveUnderTest } from '../support/remote-store.ts'

/** A wire that loses answers: the first one to each request whose path begins so, after the server has given it. */
async function lossyWire(to: string, loses: string): Promise<{ readonly url: string; lost: number } & AsyncDisposable> {
  const { port } = new URL(to)
  const open = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(Number(port), '127.0.0.1')
    for (const socket of [near, far]) {
      open.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => (near.destroy(), far.destroy()))
    }
    let isLost = false
    near.on('data', (chunk: Buffer) => {
      if (wire.lost === 0 && chunk.includes(` ${loses}`)) {
        wire.lost++
        isLost = true
      }
      far.write(chunk)
    })
    far.on('data', (chunk: Buffer) => (isLost ? near.resetAndDestroy() : near.write(chunk)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const wire = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lost: 0,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
  return wire
}

const at = '2025-12-31T23:59:00Z'

const definitions = (ttl: string): WireDefinitions => ({
  entities: { thing: { keys: { k: 'int64' } } },
  sources: { taps: { type: 'push', schema: { k: 'int64', v: 'int64' }, timestamp: 'at' } },
  views: { view: { entities: ['thing'], source: 'taps', features: { v: 'int64' }, ttl } },
  on_demand: {},
  services: {},
})

/** Does something over a wire that loses the first answer to it; what it came to, and the store as it is then. */
async function overLossyWire(
  loses: string,
  act: (store: Store) => Promise<unknown>,
  look: (store: Store, came: unknown) => Promise<void>,
): Promise<void> {
  await using t = await openMemoryStore()
  await t.store.apply(definitions('1d'))
  await using server = await serveUnderTest(t)
  await using wire = await lossyWire(server.url, loses)
  await using store = await openRemoteStore({ url: wire.url })
  const came = await act(store).catch((thrown: unknown) => thrown)
  expect(wire.lost).toBe(1)
  await look(t.store, came)
}

test('a spine that is too large for JSON is refused, and it is said how to send it', async () => {
  await using t = await openMemoryStore()
  await t.store.apply(definitions('1d'))
  await using server = await serveUnderTest(t)
  await using store = await openRemoteStore({ url: server.url })
  const text = 'x'.repeat(1_000_000)
  const spine = Array.from({ length: 20 }, (_, k) => ({ k, event_timestamp: at, text }))
  await expect(store.historical('view', spine)).rejects.toMatchObject({
    code: 'PAYLOAD_TOO_LARGE',
    remedy: expect.stringContaining('{ parquet }') as string,
  })
})

test('a push whose answer was lost is sent again and stored once, its bad rows too', async () => {
  const rows = [
    { k: 1, at, v: 1 },
    { k: 2, at, v: 'two' },
  ]
  await overLossyWire(
    '/v1/push/',
    (store) => store.push('view', rows),
    async (store, came) => {
      expect(came).toMatchObject({ accepted: 1, superseded: 0, rejected: [{ row: 1, code: 'BAD_VALUE' }] })
      const events = await store.events('view', { start: at, end: '2026-01-02' })
      expect(await events.rows()).toMatchObject([{ k: 1, v: 1 }])
      expect((await store.deadLetters()).deadLetters).toHaveLength(1)
    },
  )
})

test('an apply whose answer was lost is not sent again', async () => {
  await overLossyWire(
    '/v1/apply',
    (store) => store.apply(definitions('2d')),
    async (store, came) => {
      expect(came).toMatchObject({ code: 'STORE_UNREACHABLE' })
      expect((await store.versions()).map(({ version }) => version)).toEqual([2, 1])
    },
  )
})

test('a read whose answer was lost is read again', async () => {
  await overLossyWire(
    '/v1/online',
    (store) => store.online('view', [{ k: 1 }]),
    async (_, came) => {
      expect([...(came as readonly object[])]).toEqual([{ v: null }])
    },
  )
})

test('a run whose look was lost is looked at again', async () => {
  await overLossyWire(
    '/v1/runs/',
    (store) => store.materialize('view'),
    async (_, came) => {
      expect(came).toMatchObject([{ view: 'view', state: 'succeeded' }])
    },
  )
})
