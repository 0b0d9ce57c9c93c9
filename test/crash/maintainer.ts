// A process that maintains until it is killed: node maintainer.ts DIR NOW SLOW. It says `ready`, waits for a line, and then
// says what it frees; SLOW is where it is slow.
import { once } from 'node:events'
import { crashWaits } from './materializer.ts'
import { openRepository, sayLine } from './repository.ts'

/** Replaced generations are freed at once. */
export const maintainWaits = Object.freeze({ ...crashWaits, freeMs: 0 })

async function main(dir: string, now: bigint, slowAt: string): Promise<void> {
  const say = (line: string): void => sayLine(line, { at: slowAt, ms: 20 })
  await using opened = await openRepository(dir, now, { waits: maintainWaits, say })
  say('ready')
  await once(process.stdin, 'data')
  for (;;) {
    await opened.store.maintain()
    say('maintained')
  }
}

if (import.meta.main) await main(process.argv[2] ?? '', BigInt(process.argv[3] ?? '0'), process.argv[4] ?? '')
