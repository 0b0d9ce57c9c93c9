import type pg from 'pg'
import { setTimeout as sleep } from 'node:timers/promises'
import { abandonable } from '../../kernel/abandon.ts'
import { type Call, checkCall } from '../../kernel/call.ts'
import type { Connections } from './connections.ts'
import { explainPostgres, unreachable } from './failure.ts'

/** How long a call without a deadline tries to get past others, or to a server that is away, in milliseconds. */
const patienceMs = 5_000
const pauseMs = 50

/**
 * Tries again where others were in the way or the server was away: then nothing of an attempt counts. Where the connection broke it is
 * tried again too, unless what is attempted may not be done twice.
 * @throws as `explainPostgres`; DEADLINE_EXCEEDED, INTERRUPTED.
 */
export async function patiently<T>(
  name: string,
  call: Call | undefined,
  attempt: () => Promise<T>,
  { twice }: { readonly twice: boolean } = { twice: true },
): Promise<T> {
  const untilMs = Math.min(call?.deadlineAtMs ?? Infinity, Date.now() + patienceMs)
  for (;;) {
    checkCall(call)
    try {
      return await attempt()
    } catch (thrown) {
      const meaning = explainPostgres(name, thrown)
      if (typeof meaning !== 'string') throw meaning
      if ((meaning === 'broken' && !twice) || Date.now() + pauseMs > untilMs) throw unreachable(name, meaning, thrown)
      await sleep(Math.random() * pauseMs)
    }
  }
}

/** Runs work on a connection of its own, patiently. A call that ends early ends its statement on the server. @throws as `patiently`. */
export const withConnection = <T>(
  connections: Connections,
  call: Call | undefined,
  work: (client: pg.PoolClient) => Promise<T>,
  how?: { readonly twice: boolean },
): Promise<T> => patiently(connections.name, call, () => once(connections, call, work), how)

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
    connections.failed(thrown)
    // What still runs is ended, and the connection with it: nobody knows what state it is in.
    void connections.cancel(client).catch(() => undefined)
    working.then(
      () => client.release(true),
      () => client.release(true),
    )
    throw thrown
  }
}
