import { DuckDBInstance } from '@duckdb/node-api'

/** The latest row per entity, as one would write it by hand, read and thrown away. */
export async function open(input: unknown): Promise<{
  run(): Promise<Record<string, number>>
  close(): Promise<void>
}> {
  const { file } = input as { readonly file: string }
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  return {
    run: async () => {
      const result = await connection.stream(
        `SELECT * FROM read_parquet('${file}') QUALIFY row_number() OVER (PARTITION BY id ORDER BY happened_at DESC, learned_at DESC NULLS LAST) = 1 ORDER BY id`,
      )
      let rows = 0
      for (;;) {
        const chunk = await result.fetchChunk()
        if (chunk === null || chunk.rowCount === 0) break
        rows += chunk.rowCount
      }
      return { rows }
    },
    close: async () => {
      connection.closeSync()
      instance.closeSync()
    },
  }
}
