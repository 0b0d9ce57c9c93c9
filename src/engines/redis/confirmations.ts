import { fail } from '../../kernel/errors.ts'
import type { Connection } from './connection.ts'

/** How many replicas must have what was written, and how long they are waited for. */
export interface ReplicaWait {
  readonly replicas: number
  readonly timeoutMs: number
}

/**
 * Makes sure that replicas have what was written on a connection in one of its lives. One question for all who wrote before it
 * is asked: it holds up the connection.
 * @returns a function that throws NOT_REPLICATED, or STORE_UNREACHABLE where the connection was lost: the next one has written nothing, and is told so.
 */
export function confirmations(
  name: string,
  connection: Connection,
  { replicas, timeoutMs }: ReplicaWait,
): (life: number) => Promise<void> {
  let last: Promise<unknown> = Promise.resolve()
  let next: Promise<{ readonly life: number; readonly have: number }> | undefined
  const ask = async (): Promise<{ life: number; have: number }> => {
    next = undefined
    const { life } = connection
    return { life, have: Number(await connection.redis.call('WAIT', replicas, timeoutMs)) }
  }
  return async (written) => {
    if (next === undefined) {
      next = last.then(ask)
      last = next.catch(() => undefined)
    }
    const { life, have } = await next
    if (life !== written)
      throw fail(
        'STORE_UNREACHABLE',
        `The connection to the online store ${name} was lost before its replicas answered`,
      )
    if (have < replicas)
      throw fail(
        'NOT_REPLICATED',
        `The online store ${name} has the rows, but of its replicas ${have} have them within ${timeoutMs} ms, and ${replicas} must (online.wait)`,
      )
  }
}
