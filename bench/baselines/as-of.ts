import { DuckDBInstance } from '@duckdb/node-api'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const features = ['d0', 'd1', 'd2', 'd3', 'd4', 'i0', 'i1', 'i2', 's', 'b']

/**
 * The same training set by hand: ASOF LEFT JOIN over a struct of event and created time, each view in a table of its own ordered
 * by the spine's row, put beside the spine by position. It relies on files in which no two rows share entity, event and created time.
 */
export async function open(input: unknown): Promise<{
  run(argument: unknown): Promise<Record<string, number>>
  close(): Promise<void>
}> {
  const { files, spine } = input as { readonly files: readonly string[]; readonly spine: string }
  const dir = await mkdtemp(join(tmpdir(), 'provender-bench-'))
  const memory = (input as { readonly memory: string }).memory
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: memory, temp_directory: dir })
  const connection = await instance.connect()
  return {
    run: async (argument) => {
      await connection.run(
        `CREATE OR REPLACE TEMP TABLE spine AS SELECT row_number() OVER () AS row_id, * FROM read_parquet('${spine}')`,
      )
      for (const [i, file] of files.entries())
        await connection.run(`CREATE OR REPLACE TEMP TABLE view_${i} AS ${joined(file, i)}`)
      const outputs = files.map((_, i) => features.map((f) => `view_${i}.v${i}__${f}`).join(', '))
      const tables = files.map((_, i) => ` POSITIONAL JOIN view_${i}`)
      const query = `SELECT spine.* EXCLUDE (row_id), ${outputs.join(', ')} FROM spine${tables.join('')}`
      let rows = 0
      if (argument === 'parquet') {
        const result = await connection.run(
          `COPY (${query}) TO '${join(dir, 'out.parquet')}' (FORMAT parquet, COMPRESSION snappy)`,
        )
        return { rows: result.rowsChanged }
      }
      const result = await connection.stream(query)
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

function joined(file: string, i: number): string {
  const outputs = features.map(
    (f) => `CASE WHEN f.happened_at >= e."at" - INTERVAL 7 DAY THEN f.${f} END AS v${i}__${f}`,
  )
  return `SELECT e.row_id, ${outputs.join(', ')}
    FROM (SELECT row_id, id, "at", {e: "at", c: 'infinity'::TIMESTAMP} AS k FROM spine) e
    ASOF LEFT JOIN (SELECT *, {e: happened_at, c: coalesce(learned_at, '-infinity'::TIMESTAMP)} AS k FROM read_parquet('${file}')) f
    ON e.id = f.id AND e.k >= f.k ORDER BY e.row_id`
}
