import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import type { Call } from '../kernel/call.ts'
import type { Batch } from '../values/batch.ts'

/**
 * Streams the rows of a Parquet file that belongs to no repository, such as one to push. Spills to the system's temporary folder.
 * @param path absolute
 * @throws SOURCE_UNREADABLE, SOURCE_CHANGED.
 */
export async function* readTableFile(path: string, call?: Call): AsyncGenerator<Batch> {
  const { openDuckdbOffline } = await import('../engines/duckdb/offline.ts')
  await using offline = await openDuckdbOffline({
    dir: join(tmpdir(), `provender-${userInfo().uid}`),
    repositoryDir: dirname(path),
    log: null,
  })
  await using result = await offline.query(
    {
      plan: { kind: 'input', name: 'file', uses: [] },
      inputs: new Map([['file', { kind: 'file', path, format: 'parquet' }]]),
    },
    call,
  )
  yield* result.batches()
}
