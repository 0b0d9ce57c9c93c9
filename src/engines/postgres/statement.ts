import type pg from 'pg'
import { setTimeout as sleep } from 'node:timers/promises'
import { abandonable } from '../../kernel/abandon.ts'
import { type Call, checkCall } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import type { Connections } from './connections.ts'
import { explainPostgres, unreachable } from './failure.ts'

/** How long a call without a deadline tries to get past others, or to a server that is away, in milliseconds. */
const patienceMs = 5_000
const pauseMs = 50

/**
 * Runs work on a connection of its own, again where others were in the way or the server was away (then nothing of it counts).
 * A call that ends early ends its statement on the server.
 * @throws as `explainPostgres`; DEADLINE_EXCEEDED, INTERRUPTED.
 */
export async function withConnection<T>(
  connections: Connections,
  call: Call | undefined,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const untilMs = Math.min(call?.deadlineAtMs ?? Infinity, Date.now() + patienceMs)
  for (;;) {
    checkCall(call)
    try {
      return await once(connections, call, work)
    } catch (thrown) {
      const meaning = explainPostgres(connections.name, thrown)
      if (meaning !== 'busy' && meaning !== 'away') throw meaning
      if (Date.now() + pauseMs > untilMs) {
        if (meaning === 'away') throw unreachable(connections.name, thrown)
        throw fail('STORE_UNREACHABLE', `Others kept ${connections.name} locked for the whole time allowed`, {
          cause: thrown,
        })
      }
      await sleep(Math.random() * pauseMs)
    }
  }
}

async function once<T>(
  connections: Connections,
  call: Call | undefined,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await connections.take(call)
  const working = work(client)
  try {
    const result = await abandonable(working, call)
    client.release()
    return result
  } catch (thrown) {
    // What still runs is ended, and the connection with it: nobody knows what state it is in.
    void connections.cancel(client).catch(() => undefined)
    working.then(
      () => client.release(true),
      () => client.release(true),
    )
    throw thrown
  }
}
