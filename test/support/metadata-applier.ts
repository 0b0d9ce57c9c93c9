/** A process that commits to a store in SQLite or PostgreSQL: file or url, author, number of commits. Prints each version that was answered. */
import { manualClock } from '../../src/kernel/clock.ts'
import { openPostgresMetadata } from '../../src/engines/postgres/metadata.ts'
import { openSqlite } from '../../src/engines/sqlite/open.ts'
import { openMetadata } from '../../src/metadata/open.ts'
import { commitOf, start } from '../../src/testing/metadata-harness.ts'

const [place = '', author = '', commits = '0'] = process.argv.slice(2)
const engine = place.startsWith('postgres:') ? openPostgresMetadata(place) : await openSqlite(place)
await using store = await openMetadata(engine, manualClock(start))
let parent = 0
for (let done = 0; done < Number(commits);) {
  const swap = await store.registry.commit(commitOf(author, parent))
  if (swap.kind === 'stale') throw new Error('the clock stands still')
  parent = swap.kind === 'done' ? swap.value.version : swap.head
  if (swap.kind === 'conflict') continue
  process.stdout.write(`${parent}\n`)
  done += 1
}
