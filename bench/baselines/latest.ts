import { DuckDBInstance } from '@duckdb/node-api'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The latest row per entity, as one would write it by hand, ordered by key, and thrown away. */
export async function open(input: unknown): Promise<{
  run(): Promise<Record<string, number>>
  close(): Promise<void>
}> {
  const { file, memory } = input as { readonly file: string; readonly memory: string }
  const dir = await mkdtemp(join(tmpdir(), 'provender-bench-'))
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: memory, temp_directory: dir })
  const connection = await instance.connect()
  return {
    run: async () => {
      const result = await connection.stream(
        `SELECT * FROM read_parquet('${file}') QUALIFY row_number() OVER (PARTITION BY id ORDER BY happened_at DESC, learned_at DESC NULLS LAST) = 1 ORDER BY id`,
      )
      let rows = 0
      for (;;) {
        const chunk = await result.fetchChunk()
        if (chunk === null || chunk.rowCount === 0) return { rows }
        rows += chunk.rowCount
      }
    },
    close: async () => {
      connection.closeSync()
      instance.closeSync()
      await rm(dir, { recursive: true, force: true })
    },
  }
}
