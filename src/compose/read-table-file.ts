import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import type { FileSourceDef } from '../define/definition.ts'
import type { Call } from '../kernel/call.ts'
import type { OfflineStore } from '../ports/offline.ts'
import type { Batch } from '../values/batch.ts'

/** A file as it would be read if it were a source, and its first rows. */
export interface TableFileSample {
  /** In the file's order; types as sources are described: one of ours, one that widens, or the engine's own name. */
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  /** Of the whole file. */
  readonly rows: number | null
  readonly batches: readonly Batch[]
}

/**
 * Looks at a Parquet file that belongs to no repository yet.
 * @param path absolute
 * @throws SOURCE_UNREADABLE.
 */
export async function sampleTableFile(path: string, rows: number, call?: Call): Promise<TableFileSample> {
  await using offline = await openOffline(path)
  const source: FileSourceDef = { kind: 'source', name: 'file', type: 'parquet', path, timestamp: '' }
  const [facts] = await offline.describe([source], new Map([[source.name, source]]), call)
  const sql = `SELECT * FROM file LIMIT ${rows}`
  await using result = await offline.query(
    {
      plan: { kind: 'input', name: 'first', uses: [] },
      inputs: new Map([['first', { kind: 'sql', sql, inputs: [{ source }] }]]),
    },
    call,
  )
  const batches: Batch[] = []
  for await (const batch of result.batches()) batches.push(batch)
  return { columns: facts?.columns ?? [], rows: facts?.rows ?? null, batches }
}

async function openOffline(path: string): Promise<OfflineStore> {
  const { openDuckdbOffline } = await import('../engines/duckdb/offline.ts')
  return openDuckdbOffline({
    dir: join(tmpdir(), `provender-${userInfo().uid}`),
    repositoryDir: dirname(path),
    log: null,
  })
}

/**
 * Streams the rows of a Parquet file that belongs to no repository, such as one to push. Spills to the system's temporary folder.
 * @param path absolute
 * @throws SOURCE_UNREADABLE, SOURCE_CHANGED.
 */
export async function* readTableFile(path: string, call?: Call): AsyncGenerator<Batch> {
  await using offline = await openOffline(path)
  await using result = await offline.query(
    {
      plan: { kind: 'input', name: 'file', uses: [] },
      inputs: new Map([['file', { kind: 'file', path, format: 'parquet' }]]),
    },
    call,
  )
  yield* result.batches()
}
