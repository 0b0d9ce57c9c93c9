// A process that materializes and is killed or stopped meanwhile: node materializer.ts DIR NOW LEASE_MS. It says `ready`,
// waits for its orders (lines of JSON), and then says each point of the run that it reaches, at once; `ended …` if it comes
// to that.
import { createInterface } from 'node:readline'
import { asProvenderError } from '../../src/kernel/errors.ts'
import { type RunPoint, defaultWaits } from '../../src/materialize/deps.ts'
import { openRepository, sayLine } from './repository.ts'

/** What a materializer is told. */
export interface Orders {
  /** Microseconds, as text. */
  readonly now: string
  readonly repair: boolean
  /** Seconds before now; null: none. */
  readonly start: number | null
  /** Where it is slow, so that it can be killed between this point and the next though they are microseconds apart. */
  readonly slow: { readonly at: RunPoint; readonly ms: number }
}

/** Waits in milliseconds that a run takes in these tests; all others are those that are shipped. */
export const crashWaits = Object.freeze({ ...defaultWaits, switchMs: 30, pollMs: 10 })

async function main(dir: string, startsAt: bigint, leaseMs: number): Promise<void> {
  let orders: Orders | undefined
  const reached = (point: RunPoint): void => {
    sayLine(point, orders?.slow)
  }
  await using opened = await openRepository(dir, startsAt, { waits: { ...crashWaits, leaseMs }, reached })
  sayLine('ready')
  for await (const line of createInterface({ input: process.stdin })) {
    orders = JSON.parse(line) as Orders
    const now = BigInt(orders.now)
    opened.clock.set(now)
    const { repair, start } = orders
    try {
      const request = start === null ? {} : { start: now - BigInt(start) * 1_000_000n }
      const [run] = await opened.store.materialize('latest', { repair, ...request })
      sayLine(`ended ${run?.state}`)
    } catch (thrown) {
      sayLine(`ended ${asProvenderError(thrown).message}`)
    }
  }
}

if (import.meta.main) await main(process.argv[2] ?? '', BigInt(process.argv[3] ?? '0'), Number(process.argv[4]))
