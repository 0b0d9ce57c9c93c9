import type { Call } from '../../kernel/call.ts'
import type { DeadLetter } from '../../ports/dead-letters.ts'
import type { IdempotencyRecord, LogRecord, Positioned, PushLog } from '../../ports/push-log.ts'
import type { LogTarget } from '../../query/relation.ts'
import { checkCall } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { limits } from '../../kernel/limits.ts'

/** One push log in memory; what several processes open. It outlives the handles on it. */
export interface MemoryPushLog {
  /** A handle, as a process would hold it. */
  open(): PushLog
  /** All records that have rows and count, in log order, as `changes` gives them. */
  records(): readonly Positioned[]
}

interface State {
  readonly records: Positioned[]
  /** By idempotency key: the last record that took it. */
  readonly holders: Map<string, IdempotencyRecord>
  readonly letters: Map<string, { readonly letter: DeadLetter; readonly position: bigint }>
  head: bigint
}

/** The push log's executable specification: everything in one process's memory, nothing survives it. Each call takes effect at once and as a whole. */
export function memoryPushLog(): MemoryPushLog {
  const state: State = { records: [], holders: new Map(), letters: new Map(), head: 1n }
  return { open: () => handle(state), records: () => state.records }
}

function handle(state: State): PushLog {
  let closed = false
  const enter = (call: Call | undefined): void => {
    if (closed) throw fail('CLOSED', 'The push log is closed')
    checkCall(call)
  }
  return {
    async append(records, call) {
      enter(call)
      return records.map((record) => appendOne(state, record))
    },
    async head(call) {
      enter(call)
      return state.head
    },
    async *changes({ from, before, targets }, call) {
      enter(call)
      const wanted = ({ position, record }: Positioned): boolean =>
        position >= from &&
        position < before &&
        (targets === undefined || targets.some((target) => isSame(target, record.target)))
      for (const each of state.records.filter(wanted)) {
        enter(call)
        yield each
      }
    },
    async lookup(key, nowUs, call) {
      enter(call)
      const holder = state.holders.get(key)
      return holder !== undefined && holds(holder, nowUs) ? holder : undefined
    },
    async deadLetters(query, call) {
      enter(call)
      return listed(state, query)
    },
    async maintain(task, call) {
      enter(call)
      for (const { target, below } of task.purge) purge(state, target, below)
    },
    async [Symbol.asyncDispose]() {
      closed = true
    },
  }
}

const isSame = (a: LogTarget, b: LogTarget): boolean => a.kind === b.kind && a.name === b.name

/** Whether a key is still taken at an instant. */
const holds = (holder: IdempotencyRecord, at: bigint): boolean => at - holder.atUs < limits.idempotencyUs

function appendOne(state: State, record: LogRecord): Awaited<ReturnType<PushLog['append']>>[number] {
  const { idempotency, deadLetters, replayed } = record
  const earlier = idempotency === undefined ? undefined : state.holders.get(idempotency.key)
  if (idempotency !== undefined && earlier !== undefined && holds(earlier, idempotency.atUs))
    return { kind: 'repeated', earlier }
  const position = state.head++
  if (idempotency !== undefined) state.holders.set(idempotency.key, idempotency)
  for (const letter of deadLetters) state.letters.set(letter.id, { letter, position })
  for (const id of replayed) state.letters.delete(id)
  const { target, to, columns, rows } = record
  if (rows.length > 0)
    state.records.push({ position, record: { target, to, columns, rows, deadLetters: [], replayed: [] } })
  return { kind: 'appended', position }
}

function listed(state: State, query: Parameters<PushLog['deadLetters']>[0]): DeadLetter[] {
  const ids = query.ids === undefined ? undefined : new Set(query.ids)
  return [...state.letters.values()]
    .map(({ letter }) => letter)
    .filter((each) => ids?.has(each.id) ?? true)
    .filter((each) => query.target === undefined || each.target.name === query.target)
    .filter((each) => query.after === undefined || each.id > query.after)
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .slice(0, query.limit)
}

function purge(state: State, target: LogTarget, below: bigint): void {
  const same = (other: LogTarget): boolean => isSame(other, target)
  const kept = state.records.filter(({ position, record }) => position >= below || !same(record.target))
  state.records.splice(0, state.records.length, ...kept)
  for (const [id, { letter, position }] of state.letters)
    if (position < below && same(letter.target)) state.letters.delete(id)
}
