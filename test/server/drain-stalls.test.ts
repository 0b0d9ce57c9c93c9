import { once } from 'node:events'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import { type Bench, openBench } from './bench.ts'

// On a busy machine a process stands still for a moment, and what came meanwhile waits in the system. Here it stands still when told to.

/** Clients in a thread of their own, which goes on while this one stands still. */
const clients = `
const { parentPort, workerData: { port } } = require('node:worker_threads')
const { connect } = require('node:net')
const sockets = []
const open = () => {
  const socket = connect(port, '127.0.0.1')
  const found = { socket, text: '', failed: null }
  socket.setEncoding('latin1').on('data', (text) => (found.text += text)).on('error', ({ code }) => (found.failed = code))
  sockets.push(found)
  return found
}
const ask = ({ socket }) => socket.write('GET /livez HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n')
const tell = () => parentPort.postMessage(sockets.map(({ text, failed }) => failed ?? text.split('HTTP/1.1 ').slice(1).map((each) => each.slice(0, 3)).join()))
parentPort.on('message', ({ what, afterMs }) => setTimeout(() => ({
  open: () => { for (let i = 0; i < 10; i++) ask(open()) },
  ask: () => sockets.forEach(ask),
  tell,
})[what](), afterMs))
`

interface Clients {
  /** In so many milliseconds: ten connections that ask each; all that there are ask once more. */
  do(what: 'open' | 'ask', afterMs: number): void
  /** The statuses that each connection was answered with, or how it failed. */
  told(): Promise<string[]>
}

function startClients(bench: Bench): Clients {
  const worker = new Worker(clients, { eval: true, workerData: { port: Number(new URL(bench.server.url).port) } })
  onTestFinished(async () => void (await worker.terminate()))
  return {
    do: (what, afterMs) => worker.postMessage({ what, afterMs }),
    async told() {
      worker.postMessage({ what: 'tell', afterMs: 0 })
      const [statuses] = (await once(worker, 'message')) as [string[]]
      return statuses
    },
  }
}

/** This thread does nothing at all. */
const standStill = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)

test('connections that were made while a server stood still are served, though it closes then', async () => {
  await using bench = await openBench()
  const far = startClients(bench)
  await far.told()
  far.do('open', 50)
  standStill(400)
  await bench.server.close()
  expect(await far.told()).toEqual(Array.from({ length: 10 }, () => '200'))
})

test('a server that stands still while it looks for what has come looks again', async () => {
  await using bench = await openBench()
  const far = startClients(bench)
  await far.told()
  far.do('open', 100)
  // In the second turn, behind its look.
  setImmediate(() => setImmediate(() => standStill(400)))
  await bench.server.close()
  expect(await far.told()).toEqual(Array.from({ length: 10 }, () => '200'))
})

test('requests that came over idle connections while a closing server stood still are answered', async () => {
  await using bench = await openBench()
  const far = startClients(bench)
  far.do('open', 0)
  await expect.poll(() => far.told()).toEqual(Array.from({ length: 10 }, () => '200'))
  const closing = bench.server.close()
  // Within the moment for which idle connections are left open, and beyond its end; behind a look at what has come, before one at the time.
  await sleep(100)
  await nextTurn()
  far.do('ask', 50)
  standStill(500)
  await closing
  expect(await far.told()).toEqual(Array.from({ length: 10 }, () => '200,200'))
})
