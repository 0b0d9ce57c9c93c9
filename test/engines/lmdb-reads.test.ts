import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readHeader } from '../../src/codecs/packed-row.ts'
import { openLmdbOnline } from '../../src/engines/lmdb/online.ts'
import type { OnlineStore } from '../../src/ports/online.ts'
import { keyed, packed, readRows } from '../../src/testing/online-rows.ts'
import { answeredSpace } from '../support/lmdb-answerer.ts'

const answerer = join(import.meta.dirname, '..', 'support', 'lmdb-answerer.ts')
const home = mkdtempSync(join(tmpdir(), 'provender-reads-'))
const folder = join(home, 'online')
const child = fork(answerer, [folder, home], { stdio: 'inherit' })
let store: OnlineStore

beforeAll(async () => {
  await once(child, 'message')
  store = await openLmdbOnline(folder)
})
afterAll(async () => {
  await store[Symbol.asyncDispose]()
  child.disconnect()
  await once(child, 'exit')
  rmSync(home, { recursive: true, force: true })
})

async function eventSeen(): Promise<number> {
  const [[row = null] = []] = await readRows(store, [{ space: answeredSpace, keys: [Buffer.from('k')] }])
  return row === null ? -1 : Number(readHeader(row).order.event)
}

describe('reads beside a process that writes', () => {
  test('what it answered for is seen by whoever heard the answer, though a state was taken a moment before', async () => {
    for (let event = 1; event <= 300; event++) {
      const answered = once(child, 'message')
      child.send(event)
      let heard = false
      void answered.then(() => (heard = true))
      // Takes states all the while, each just before the answer can come.
      while (!heard) {
        await eventSeen()
        await new Promise(setImmediate)
      }
      expect(await eventSeen()).toBe(event)
    }
  })

  test('a loop that only reads, and never ends its turn of the event loop, sees it too', async () => {
    for (let event = 301; event <= 310; event++) {
      child.send(event)
      while (!existsSync(join(home, String(event)))) await eventSeen()
      const answeredAtMs = performance.now()
      while (performance.now() - answeredAtMs < 2) await eventSeen()
      expect(await eventSeen()).toBe(event)
      await once(child, 'message')
    }
  })

  test('rows that this process wrote are seen in the turn that heard of it', async () => {
    for (let event = 311; event <= 350; event++) {
      const written = store.write(answeredSpace, [keyed('k', packed({ event }))])
      let done = false
      void Promise.resolve(written).then(() => (done = true))
      while (!done) {
        await eventSeen()
        await new Promise(setImmediate)
      }
      expect(await eventSeen()).toBe(event)
    }
  })
})
