import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { DuckDBInstance } from '@duckdb/node-api'
import type { DuckDBConnection } from '@duckdb/node-api'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'

const folder = fileURLToPath(new URL('../../examples/flights/', import.meta.url))
const slice = `${folder}data/flights.parquet`

let instance: DuckDBInstance
let connection: DuckDBConnection

beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:')
  connection = await instance.connect()
  await connection.run(`create view flights as from '${slice}'`)
})

afterAll(() => {
  connection.closeSync()
  instance.closeSync()
})

async function query(sql: string): Promise<unknown[][]> {
  return (await connection.runAndReadAll(sql)).getRowsJson()
}

function sqlOf(file: string, source: string): string {
  const document = parse(readFileSync(`${folder}features/${file}`, 'utf8')) as {
    sources: Record<string, { sql: string }>
  }
  return document.sources[source]!.sql
}

describe('the slice', () => {
  test('has the rows, columns and order that DATA-LICENCE.md promises', async () => {
    const licence = readFileSync(new URL('../../examples/flights/DATA-LICENCE.md', import.meta.url), 'utf8')
    const [[rows, airports]] = (await query(
      'select count(*)::integer, list(distinct origin order by origin) from flights',
    )) as [[number, string[]]]
    expect(licence).toContain(`${rows.toLocaleString('en-US')} flights`)
    expect(licence.replaceAll(/\s+/g, ' ')).toContain(airports.join(', '))
    expect(await query('select column_name, column_type from (describe flights)')).toEqual([
      ['departed_at', 'TIMESTAMP'],
      ['delay', 'INTEGER'],
      ['distance', 'INTEGER'],
      ['origin', 'VARCHAR'],
      ['destination', 'VARCHAR'],
      ['landed_at', 'TIMESTAMP'],
    ])
    const unordered =
      'select count(*)::integer from (select landed_at < lag(landed_at) over (order by file_row_number) as back from read_parquet($1, file_row_number = true)) where back'
    expect(await query(unordered.replace('$1', `'${slice}'`))).toEqual([[0]])
  })

  test('no value is null, both ends are of the twelve, and the landing is the declared estimate', async () => {
    const wrong = await query(`select count(*)::integer from flights
      where departed_at is null or delay is null or distance is null or origin is null or destination is null
        or destination not in (select origin from flights) or origin = destination
        or epoch_us(landed_at) - epoch_us(departed_at) is distinct from 1800000000 + distance::bigint * 7500000`)
    expect(wrong).toEqual([[0]])
  })
})

const rate = (known: string, hours: number): string =>
  `(select count(*) filter (delay > 15) / nullif(count(*), 0) from flights f where ${known} and f.landed_at <= t.tick and f.landed_at > t.tick - interval ${hours} hours)`
const airportOracle = 'f.origin = t.airport'
const routeOracle = 'f.origin = t.origin and f.destination = t.destination'

describe.each([
  {
    source: 'airport_ticks',
    file: 'airports.yaml',
    keys: 'airport',
    everyHours: 1,
    someKeys: "airport in ('ORD', 'BOS')",
    oracle: {
      late_rate_1h: rate(airportOracle, 1),
      late_rate_3h: rate(airportOracle, 3),
      late_rate_24h: rate(airportOracle, 24),
      traffic_3h: `(select count(*) from flights f where ${airportOracle} and f.landed_at <= t.tick and f.landed_at > t.tick - interval 3 hours)`,
    },
  },
  {
    source: 'route_ticks',
    file: 'routes.yaml',
    keys: 'origin, destination',
    everyHours: 3,
    someKeys: "origin = 'ORD' and destination <> 'LAX'",
    oracle: { route_late_rate_24h: rate(routeOracle, 24), route_late_rate_7d: rate(routeOracle, 168) },
  },
])('$source', ({ source, file, keys, everyHours, someKeys, oracle }) => {
  const features = Object.keys(oracle)

  beforeAll(async () => {
    await connection.run(`create table ${source} as ${sqlOf(file, source)}`)
  })

  test('has one row per key and tick, every tick on the hour, none after the data', async () => {
    const [[twice, off, late]] = (await query(`
      select (count(*) - count(distinct (${keys}, tick)))::integer,
        count(*) filter (epoch_us(tick) % (${everyHours} * 3600000000) <> 0)::integer,
        count(*) filter (tick > (select max(landed_at) from flights))::integer
      from ${source}`)) as [[number, number, number]]
    expect({ twice, off, late }).toEqual({ twice: 0, off: 0, late: 0 })
  })

  test('from February on every key has every tick, so that no training row finds a stale one', async () => {
    const gaps = await query(`
      select tick::varchar, count(*)::integer from ${source} where tick >= '2001-01-31' group by tick
      having count(*) < (select count(distinct (${keys})) from ${source})`)
    expect(gaps).toEqual([])
  })

  test('a tick knows what had landed by then and nothing else (against a query a tick)', async () => {
    await connection.run(
      `create table some_${source} as from ${source} using sample reservoir(150 rows) repeatable (7)`,
    )
    expect(await query(`select count(*)::integer from some_${source}`)).toEqual([[150]])
    const wrong = await query(`
      select * from some_${source} t
      where ${features.map((feature) => `t.${feature} is distinct from ${oracle[feature as keyof typeof oracle]}`).join(' or ')}`)
    expect(wrong).toEqual([])
  })

  test('a part of it has the same bits as the whole', async () => {
    const part = `select * from (${sqlOf(file, source)}) where tick >= '2001-06-10 11:00:00' and tick < '2001-06-10 19:00:00' and ${someKeys}`
    const whole = `select * from ${source} where tick >= '2001-06-10 11:00:00' and tick < '2001-06-10 19:00:00' and ${someKeys}`
    const [[rows]] = (await query(`select count(*)::integer from (${part})`)) as [[number]]
    expect(rows).toBeGreaterThan(10)
    expect(await query(`(${part} except all ${whole}) union all (${whole} except all ${part})`)).toEqual([])
  })
})
