/** A process that commits to a SQLite store: file, author, number of commits. Prints each version that was answered. */
import { manualClock } from '../../src/kernel/clock.ts'
import { openSqlite } from '../../src/engines/sqlite/open.ts'
import { openMetadata } from '../../src/metadata/open.ts'
import { commitOf, start } from '../../src/testing/metadata-harness.ts'

const [file = '', author = '', commits = '0'] = process.argv.slice(2)
await using store = await openMetadata(await openSqlite(file), manualClock(start))
let parent = 0
for (let done = 0; done < Number(commits);) {
  const swap = await store.registry.commit(commitOf(author, parent))
  if (swap.kind === 'stale') throw new Error('the clock stands still')
  parent = swap.kind === 'done' ? swap.value.version : swap.head
  if (swap.kind === 'conflict') continue
  process.stdout.write(`${parent}\n`)
  done += 1
}
