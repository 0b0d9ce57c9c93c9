import type pg from 'pg'
import type { Call } from '../../kernel/call.ts'
import { clientCheckMs } from './connections.ts'
import { quote } from './dialect.ts'

/** Memory of one sort or hash of a query: more would multiply by the queries of a server. */
const workMemory = '64MB'

/** How long something that takes no time may take, in milliseconds: where the network swallows everything, nobody else would end it. */
const promptMs = 2_000

/** Asks something that takes no time. @throws as the driver, also where there is no answer in time. */
export async function promptly<R extends pg.QueryResultRow>(
  client: pg.ClientBase,
  text: string,
  values: readonly unknown[] = [],
): Promise<R[]> {
  const asked = { text, values: [...values], query_timeout: promptMs }
  return (await client.query<R>(asked)).rows
}

/**
 * Begins a transaction that sees one instant, that of an exported snapshot where one is given, with what our SQL relies on. Rows of a spine hardly ever repeat: to remember what was
 * found for each costs five times what looking it up costs.
 */
export async function begin(
  client: pg.ClientBase,
  mode: 'read only' | 'read write',
  call: Call | undefined,
  snapshot?: string,
): Promise<void> {
  const leftMs = call?.deadlineAtMs === undefined ? 0 : Math.max(1, call.deadlineAtMs - Date.now())
  await promptly(client, `start transaction isolation level repeatable read ${mode}`)
  if (snapshot !== undefined) await promptly(client, `set transaction snapshot ${quote(snapshot)}`)
  await client.query(
    `set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'; set local bytea_output = 'hex'; set local jit = off; set local enable_memoize = off; set local work_mem = '${workMemory}'; set local statement_timeout = ${Math.ceil(leftMs)}; set local idle_in_transaction_session_timeout = 0; set local client_connection_check_interval = ${clientCheckMs}`,
  )
}

/** Calls `end` once when a call is aborted or its deadline comes; answers what stops that. */
export function whenEnded(call: Call | undefined, end: () => void): () => void {
  const { signal, deadlineAtMs } = call ?? {}
  const timer = deadlineAtMs === undefined ? undefined : setTimeout(end, Math.max(0, deadlineAtMs - Date.now()))
  signal?.addEventListener('abort', end, { once: true })
  return () => {
    clearTimeout(timer)
    signal?.removeEventListener('abort', end)
  }
}
