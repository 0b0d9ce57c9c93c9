// A process at work on a push log: node push-log-writer.ts FOLDER NAME COUNT LIMITS. It appends COUNT records (0: until it is
// killed), several at a time, and prints the number of each when it is acknowledged, negative where there was no room.
// NAME "maintain": it maintains instead, COUNT times. NAME "keyedN": each record has an idempotency key, the same for all such
// writers, taken N apart; one that repeats is printed with the name of the writer who was first. It says "ready" and waits for a
// word to begin.
import { once } from 'node:events'
import { writeSync } from 'node:fs'
import { isProvenderError } from '../../src/kernel/errors.ts'
import type { LogRecord } from '../../src/ports/push-log.ts'
import type { LogLimits } from '../../src/engines/duckdb/push-log/log-limits.ts'
import { openPushLog } from '../../src/engines/duckdb/push-log/push-log.ts'
import { record, row, taken } from '../../src/testing/push-log-records.ts'

/** The record that a writer appends under a number; its row names both. Sizes differ. */
export function numbered(writer: string, n: number): LogRecord {
  return record([], { rows: [{ ...row(n), values: [`${writer} ${n} ${'.'.repeat((n * 37) % 300)}`, n] }] })
}

/** The same with an idempotency key for the number; its answer is the writer's name. */
const keyed = (writer: string, n: number): LogRecord => ({
  ...numbered(writer, n),
  idempotency: { ...taken(`key ${n}`), answer: writer },
})

/** The writer and number of a record. */
export function nameOf({ rows }: LogRecord): string {
  return String(rows[0]?.values[0]).split(' ').slice(0, 2).join(' ')
}

async function main(folder: string, name: string, count: number, limits: Partial<LogLimits>): Promise<void> {
  await using log = await openPushLog(folder, limits)
  const end = count === 0 ? Number.MAX_SAFE_INTEGER : count
  if (name === 'maintain') {
    for (let n = 0; n < end; n++) {
      await log.maintain({ purge: [], nowUs: 0n })
      writeSync(1, `${n}\n`)
    }
    return
  }
  const stride = Number(/^keyed(\d+)$/.exec(name)?.[1] ?? 0)
  if (stride > 0) {
    writeSync(1, 'ready\n')
    await once(process.stdin, 'data')
    process.stdin.destroy()
  }
  let next = 0
  const lane = async (): Promise<void> => {
    for (let turn = next++; turn < end; turn = next++) {
      const n = stride > 0 ? (turn * stride) % count : turn
      try {
        const [answer] = await log.append([stride > 0 ? keyed(name, n) : numbered(name, n)])
        writeSync(1, answer?.kind === 'repeated' ? `${n} was ${answer.earlier.answer}\n` : `${n}\n`)
      } catch (thrown) {
        if (!isProvenderError(thrown) || thrown.code !== 'STORE_FULL') throw thrown
        writeSync(1, `${-n}\n`)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
  }
  await Promise.all([lane(), lane(), lane()])
}

if (import.meta.main)
  await main(
    process.argv[2] ?? '',
    process.argv[3] ?? '',
    Number(process.argv[4]),
    JSON.parse(process.argv[5] ?? '{}') as Partial<LogLimits>,
  )
