import type { Socket } from 'node:net'
import { openStore } from '../compose/open-store.ts'
import { asProvenderError, fail } from '../kernel/errors.ts'
import type { Family } from './metric-family.ts'
import { hardExit } from './hard-exit.ts'
import type { OtherParts } from './scrape.ts'
import { serveRepository } from './serve-repository.ts'
import type { RunningServer } from './start.ts'
import type { ToPrimary, ToWorker, WorkerOrder } from './worker-messages.ts'

/** How long the primary may take to gather the series of the others. */
const othersMs = 3000

/** Says something to the primary; done when it is sent. */
const tell = (message: ToPrimary): Promise<void> =>
  new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve()
    else process.send(message, () => resolve())
  })

/**
 * Serves as the primary orders, until it says to stop or somebody sends SIGTERM. (A terminal's Ctrl-C reaches every process of
 * the group; the primary hears it too and tells its workers.) When the primary dies, so does this process: nobody would give it connections.
 */
export async function runWorker(): Promise<void> {
  const asking = new Map<number, (parts: readonly (readonly Family[])[]) => void>()
  const stopping = Promise.withResolvers<void>()
  const ordered = Promise.withResolvers<WorkerOrder>()
  let server: RunningServer | undefined
  process.on('SIGINT', () => undefined).on('SIGTERM', () => stopping.resolve())
  process.on('disconnect', () => process.exit(1))
  process.on('message', (message: ToWorker, connection: Socket | undefined) => {
    switch (message.kind) {
      case 'take':
        // One that its client has closed meanwhile does not come; it is no matter who had it.
        if (connection !== undefined) server?.take(connection)
        void tell({ kind: 'taken', id: message.id })
        break
      case 'start':
        ordered.resolve(message.order)
        break
      case 'drain':
        stopping.resolve()
        break
      case 'count':
        void tell({ kind: 'counted', id: message.id, part: server?.counted() ?? [] })
        break
      case 'others':
        asking.get(message.id)?.(message.parts)
        break
    }
  })
  const others: OtherParts = async () => {
    const { promise, resolve, reject } = Promise.withResolvers<readonly (readonly Family[])[]>()
    const id = nextId++
    const late = setTimeout(
      () => reject(fail('STORE_UNREACHABLE', 'The primary process did not gather the counts of the other workers')),
      othersMs,
    )
    asking.set(id, resolve)
    void tell({ kind: 'ask others', id, part: server?.counted() ?? [] })
    try {
      return await promise
    } finally {
      clearTimeout(late)
      asking.delete(id)
    }
  }
  try {
    const { dir, workers, worker, url, ...order } = await ordered.promise
    await using store = await openStore(dir, { processes: workers, serves: true })
    server = await serveRepository(store, dir, { ...order, among: { worker, url, others } })
    await tell({ kind: 'ready' })
    await stopping.promise
    await tell({ kind: 'leaving' })
    hardExit(order.drainWaitMs, (line) => process.stderr.write(`provender: worker ${worker}: ${line}\n`))
    await server.close()
    await tell({ kind: 'counted', part: server.counted() })
  } catch (thrown) {
    await tell({ kind: 'failed', problem: asProvenderError(thrown).toProblem() })
    process.exit(1)
  }
  process.exit(0)
}

let nextId = 0
