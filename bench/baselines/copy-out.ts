import pg from 'pg'
import { to as copyTo } from 'pg-copy-streams'

/** What a query of PostgreSQL answers, by binary COPY, thrown away as it comes. */
export async function open(input: unknown): Promise<{
  run(): Promise<Record<string, number>>
  close(): Promise<void>
}> {
  const { url, query } = input as { readonly url: string; readonly query: string }
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return {
    run: async () => {
      const startedMs = performance.now()
      const stream = client.query(copyTo(`copy (${query}) to stdout (format binary)`))
      let bytes = 0
      for await (const chunk of stream) bytes += (chunk as Buffer).length
      return { bytes, rows: stream.rowCount, seconds: (performance.now() - startedMs) / 1000 }
    },
    close: () => client.end(),
  }
}
