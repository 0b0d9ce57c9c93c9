// Makes data/flights.parquet from the three million flights of the npm package vega-datasets (see DATA-LICENCE.md).
//
//   node examples/flights/make-slice.ts <folder of vega-datasets>/data/flights-3m.parquet [OUTPUT]
//
// Only whoever maintains the example runs this; the slice is checked in. The same input gives the same rows in the same order.
import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { DuckDBInstance } from '@duckdb/node-api'

const AIRPORTS = 12
const EXPECTED_ROWS = 339_948
const ROW_GROUP_ROWS = 32_768

const input = process.argv[2]
if (input === undefined) {
  console.error('usage: node examples/flights/make-slice.ts FLIGHTS_3M.parquet [OUTPUT]')
  process.exit(2)
}
const output = process.argv[3] ?? fileURLToPath(new URL('data/flights.parquet', import.meta.url))
const text = (path: string): string => `'${path.replaceAll("'", "''")}'`

const database = await DuckDBInstance.create(':memory:', { threads: '1' })
const connection = await database.connect()
await connection.run(`create view all_flights as from read_parquet(${text(input)})`)

// The flight is in the air for half an hour plus a minute for every eight miles: an estimate, in whole milliseconds
// (60,000 / 8 = 7,500 a mile). Zstandard with the second Parquet page format is a third smaller than with the first.
await connection.run(`
  copy (
    with busiest as (
      select airport
      from (select origin as airport from all_flights union all select destination from all_flights)
      group by airport
      order by count(*) desc, airport
      limit ${AIRPORTS})
    select
      date::timestamp as departed_at,
      delay::integer as delay,
      distance::integer as distance,
      origin,
      destination,
      date::timestamp + interval 30 minutes + interval (distance * 7500) milliseconds as landed_at
    from all_flights
    where origin in (from busiest) and destination in (from busiest)
    order by landed_at, departed_at, origin, destination, delay
  ) to ${text(output)} (format parquet, compression zstd, compression_level 19, parquet_version v2, row_group_size ${ROW_GROUP_ROWS})`)

const reader = await connection.runAndReadAll(`select count(*)::integer from read_parquet(${text(output)})`)
const rows = Number(reader.getRowsJS()[0]?.[0])
console.log(`${output}: ${rows} rows, ${statSync(output).size} bytes`)
if (rows !== EXPECTED_ROWS) {
  console.error(`expected ${EXPECTED_ROWS} rows: is this data/flights-3m.parquet of vega-datasets 3.2.1?`)
  process.exitCode = 1
}
