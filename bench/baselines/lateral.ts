import { DuckDBInstance } from '@duckdb/node-api'
import { finished } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { distinctTable, featureTable } from '../data/feature-table.ts'

const features = ['d0', 'd1', 'd2', 'd3', 'd4', 'i0', 'i1', 'i2', 's', 'b']

/**
 * The as-of join by hand: the spine goes up by binary COPY, its bytes being there before; for each of its rows, sorted, the latest row is
 * taken by the index; the answer comes down by binary COPY and is thrown away. `whole`: rows of one event and created time are told
 * apart by their values; else it relies on there being none.
 */
export async function open(input: unknown): Promise<{
  run(argument: unknown): Promise<Record<string, number>>
  close(): Promise<void>
}> {
  const { url, spine } = input as { readonly url: string; readonly spine: string }
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const bytes = await spineBytes(spine)
  const values = features.map((f) => `f.${f}`).join(', ')
  const created = ', f.learned_at desc nulls last'
  const ties = features.map((f) => `, f.${f}${f === 's' ? ' collate "C"' : ''} desc nulls last`).join('')
  const joinOf = (
    table: string,
    more: string,
  ): string => `select e.row_id, ${values} from (select * from spine order by id, at offset 0) e
    left join lateral (select * from ${table} f where f.id = e.id and f.happened_at <= e.at and f.happened_at >= e.at - interval '7 days'
      order by f.happened_at desc${more} limit 1) f on true`
  const joins: Readonly<Record<string, string>> = {
    whole: joinOf(featureTable, `${created}${ties}`),
    relying: joinOf(featureTable, created),
    distinct: joinOf(distinctTable, ''),
  }
  return {
    run: async (argument) => {
      const join = joins[String(argument)] ?? ''
      const startedMs = performance.now()
      await client.query('begin')
      await client.query('create temp table spine (row_id bigint, id bigint, at timestamptz) on commit drop')
      const up = client.query(copyFrom('copy spine from stdin (format binary)'))
      up.end(bytes)
      await finished(up)
      await client.query('analyze spine')
      const sentMs = performance.now()
      const down = client.query(copyTo(`copy (${join}) to stdout (format binary)`))
      let got = 0
      for await (const chunk of down) got += (chunk as Buffer).length
      const endedMs = performance.now()
      await client.query('rollback')
      return {
        rows: down.rowCount,
        bytes: got,
        statement: (endedMs - sentMs) / 1000,
        seconds: (endedMs - startedMs) / 1000,
      }
    },
    close: () => client.end(),
  }
}

const epochUs = 946_684_800_000_000n
const rowBytes = 2 + 3 * (4 + 8)
const head = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')

/** The spine as binary COPY takes it: row number, id, at. */
async function spineBytes(spine: string): Promise<Buffer> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const read = await connection.runAndReadAll(`SELECT id, epoch_us("at") FROM read_parquet('${spine}')`)
  const rows = read.getRows() as [bigint, bigint][]
  connection.closeSync()
  instance.closeSync()
  const bytes = Buffer.alloc(head.length + rows.length * rowBytes + 2)
  let end = head.copy(bytes)
  for (const [i, [id, at]] of rows.entries()) {
    end = bytes.writeInt16BE(3, end)
    for (const value of [BigInt(i), id, at - epochUs]) {
      end = bytes.writeInt32BE(8, end)
      end = bytes.writeBigInt64BE(value, end)
    }
  }
  bytes.writeInt16BE(-1, end)
  return bytes
}
