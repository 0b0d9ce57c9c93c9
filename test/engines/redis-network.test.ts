import { expect, inject, onTestFinished, test } from 'vitest'
import { openRedisOnline } from '../../src/engines/redis/online.ts'
import type { OnlineMarks } from '../../src/ports/marks.ts'
import type { OnlineStore, Space } from '../../src/ports/online.ts'
import { keyed, packed, readRows } from '../../src/testing/online-rows.ts'
import { until } from '../support/redis-store.ts'
import { type CuttingProxy, startCuttingProxy } from '../support/cutting-proxy.ts'

const space: Space = { view: 'cut', generation: 1n }
const keys = Array.from({ length: 50 }, (_, i) => Buffer.from(`network ${i}`))
const rows = keys.map((key, i) => keyed(key, packed({ event: i }, 'v'.repeat(200))))

async function behindProxy(): Promise<{ proxy: CuttingProxy; store: OnlineStore & OnlineMarks }> {
  const proxy = await startCuttingProxy(Number(new URL(inject('services').redis).port))
  const store = openRedisOnline({ place: { url: `redis://127.0.0.1:${proxy.port}` }, project: 'network' })
  onTestFinished(async () => {
    await store[Symbol.asyncDispose]()
    await proxy[Symbol.asyncDispose]()
  })
  await store.write(space, rows)
  return { proxy, store }
}

const read = async (store: OnlineStore, call?: { deadlineAtMs: number }): Promise<(Uint8Array | null)[] | undefined> =>
  (await readRows(store, [{ space, keys }], call))[0]

test('a connection that is cut in the middle of an answer: a clear error, and the next request is answered', async () => {
  const { proxy, store } = await behindProxy()
  const whole = await read(store)
  expect(whole?.every((row) => row !== null)).toBe(true)
  for (const bytes of [0, 1, 7, 300, 4000]) {
    proxy.cutAfter(bytes)
    const before = proxy.cuts
    await expect(read(store)).rejects.toMatchObject({ code: 'STORE_UNREACHABLE', retryable: true })
    expect(proxy.cuts).toBeGreaterThan(before)
    expect(await read(store)).toEqual(whole)
  }
  // A write that may or may not have been done is done again: that changes nothing.
  proxy.cutAfter(0)
  const before = proxy.cuts
  expect(new Set(await store.write(space, rows))).toEqual(new Set(['applied']))
  expect(proxy.cuts).toBeGreaterThan(before)
  expect((await store.readMarks([space]))[0]?.held?.rows).toBe(rows.length)
})

test('a connection whose other end is gone without a word is given up', async () => {
  const { proxy, store } = await behindProxy()
  const whole = await read(store)
  const before = proxy.connections
  proxy.swallow()
  const soon = (): { deadlineAtMs: number } => ({ deadlineAtMs: Date.now() + 250 })
  for (let i = 0; i < 5; i++) await expect(read(store, soon())).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' })
  await until('another connection is made', async () => ((await read(store, soon())) ?? []).length > 0)
  expect(await read(store, soon())).toEqual(whole)
  expect(proxy.connections).toBeGreaterThan(before)
})
