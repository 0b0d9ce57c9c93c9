import { describe, expect, test } from 'vitest'
import { duckdbDialect } from '../../src/engines/duckdb/plan-dialect.ts'
import type { InputTable, Leaves } from '../../src/query/block.ts'
import { compile, queryText } from '../../src/query/compile.ts'
import {
  type AsOf,
  type LogRows,
  type Predicate,
  type Relation,
  type SourceRows,
  own,
} from '../../src/query/relation.ts'

const source: SourceRows = {
  kind: 'source',
  source: { kind: 'source', name: 'flights', type: 'parquet', path: 'flights.parquet', timestamp: 'at' },
  take: [
    { column: 'origin', as: 'airport', type: 'string' },
    { column: 'delay', as: 'delay', type: 'int32' },
    { column: 'at', as: own.event, type: 'timestamp' },
  ],
}
const log: LogRows = {
  kind: 'log',
  target: { kind: 'view', name: 'delays' },
  take: [
    { column: 'airport', as: 'airport', type: 'string' },
    { column: 'delay', as: 'delay', type: 'int32' },
  ],
  to: ['both'],
}

const rows: Relation = {
  kind: 'derive',
  input: source,
  columns: [
    { as: 'airport', column: 'airport' },
    { as: 'delay', column: 'delay' },
    { as: own.event, column: own.event },
    { as: own.created, type: 'timestamp', constant: null },
    { as: own.reading, type: 'int64', constant: 1n },
    { as: own.tie, type: 'int64', constant: 0n },
    { as: own.tombstone, type: 'bool', constant: false },
  ],
}
const pushed: Relation = {
  kind: 'derive',
  input: log,
  columns: [
    { as: 'airport', column: 'airport' },
    { as: 'delay', column: 'delay' },
    { as: own.event, column: own.event },
    { as: own.created, column: own.created },
    { as: own.reading, type: 'int64', constant: 0n },
    { as: own.tie, column: own.tie },
    { as: own.tombstone, column: own.tombstone },
  ],
}
const order = [own.event, own.created, own.reading, own.tie, 'delay']

const spine: InputTable = {
  table: 'spine',
  row: 'row',
  columns: [
    { name: 'airport"; DROP', column: 'c0', type: 'string' },
    { name: '_event', column: 'c1', type: 'timestamp' },
  ],
  used: new Map([
    ['airport"; DROP', 'c0'],
    ['_event', 'u1'],
  ]),
}

interface Asked {
  narrow: readonly Predicate[]
}

const leaves = (
  asked: Asked[] = [],
  logRows: string | null = 'SELECT * FROM log',
  input: InputTable = spine,
): Leaves => ({
  rows: (leaf, narrow) => {
    asked.push({ narrow })
    return leaf.kind === 'log' ? logRows : 'SELECT * FROM flights'
  },
  input: () => input,
})

const text = (plan: Relation, from = leaves()): string[] => {
  const compiled = compile(plan, duckdbDialect, from)
  return [...compiled.steps.map((step) => step.sql), queryText(duckdbDialect, compiled)]
}

const event = (op: '<' | '>=', value: bigint): Predicate => ({ op, column: own.event, type: 'timestamp', value })

describe('plans as SQL', () => {
  test('filters and projections fold into one query', () => {
    const plan: Relation = {
      kind: 'derive',
      input: {
        kind: 'filter',
        input: rows,
        where: { op: 'and', all: [event('>=', 0n), { op: 'is not null', column: 'airport' }] },
      },
      columns: [
        { as: 'd', column: 'delay' },
        { as: 'one', type: 'string', constant: "it's" },
      ],
    }
    expect(text(plan)).toEqual([
      `SELECT t."delay" AS "d", 'it''s' AS "one" FROM (SELECT * FROM flights) AS t WHERE t."_event" >= TIMESTAMP '1970-01-01 00:00:00' AND t."airport" IS NOT NULL`,
    ])
  })

  test('the leaf is told which rows are not asked for, in its own names', () => {
    const asked: Asked[] = []
    const renamed: Relation = { kind: 'derive', input: rows, columns: [{ as: 'event_timestamp', column: own.event }] }
    text(
      {
        kind: 'sort',
        input: {
          kind: 'filter',
          input: renamed,
          where: { op: '<', column: 'event_timestamp', type: 'timestamp', value: 5n },
        },
        by: ['event_timestamp'],
      },
      leaves(asked),
    )
    expect(asked).toEqual([{ narrow: [event('<', 5n)] }])
  })

  test('nothing is told to a leaf below the choice of the latest', () => {
    const asked: Asked[] = []
    text(
      { kind: 'filter', input: { kind: 'latest', input: rows, by: ['airport'], order }, where: event('<', 5n) },
      leaves(asked),
    )
    expect(asked).toEqual([{ narrow: [] }])
  })

  test('the latest is chosen by whole rows; columns that are the same in all rows decide nothing', () => {
    expect(text({ kind: 'latest', input: rows, by: ['airport'], order })).toEqual([
      'CREATE TEMP TABLE "_latest_0_top" AS SELECT t."airport" AS "g0", max(t."_event") AS "top" FROM (SELECT * FROM flights) AS t GROUP BY t."airport"',
      'CREATE TEMP TABLE "_latest_0" AS SELECT t."airport", t."delay", t."_event" FROM (SELECT * FROM flights) AS t JOIN "_latest_0_top" AS _top ON t."airport" IS NOT DISTINCT FROM _top.g0 AND t."_event" = _top."top" ORDER BY t."airport"',
      'DROP TABLE "_latest_0_top"',
      'SELECT t."airport", t."delay", t."_event", CAST(NULL AS TIMESTAMP) AS "_created", CAST(1 AS BIGINT) AS "_reading", CAST(0 AS BIGINT) AS "_tie", false AS "_tombstone" FROM (SELECT * FROM "_latest_0") AS t',
    ])
    const { steps } = compile({ kind: 'latest', input: rows, by: ['airport'], order }, duckdbDialect, leaves())
    expect(steps[1]?.settle?.test).toBe(
      'SELECT (SELECT count(*) FROM "_latest_0") > (SELECT count(*) FROM "_latest_0_top")',
    )
    expect(steps[1]?.settle?.sql).toBe(
      steps[1]?.sql
        .replace('CREATE', 'CREATE OR REPLACE')
        .replace(
          ' ORDER BY',
          ' QUALIFY row_number() OVER (PARTITION BY t."airport" ORDER BY t."delay" DESC NULLS LAST) = 1 ORDER BY',
        ),
    )
  })

  test('a union matches columns by name and leaves out leaves without rows', () => {
    const swapped: Relation = {
      kind: 'derive',
      input: rows,
      columns: [
        { as: 'delay', column: 'delay' },
        { as: 'airport', column: 'airport' },
      ],
    }
    const plain: Relation = {
      kind: 'derive',
      input: pushed,
      columns: [
        { as: 'airport', column: 'airport' },
        { as: 'delay', column: 'delay' },
      ],
    }
    expect(text({ kind: 'union', inputs: [swapped, plain] })).toEqual([
      'SELECT t."delay", t."airport" FROM (SELECT t."delay", t."airport" FROM (SELECT * FROM flights) AS t UNION ALL SELECT t."delay", t."airport" FROM (SELECT * FROM log) AS t) AS t',
    ])
    expect(text({ kind: 'union', inputs: [swapped, plain] }, leaves([], null))).toEqual([
      'SELECT t."delay", t."airport" FROM (SELECT * FROM flights) AS t',
    ])
    expect(text({ kind: 'union', inputs: [plain, swapped] }, leaves([], null))).toEqual([
      'SELECT t."airport", t."delay" FROM (SELECT * FROM flights) AS t',
    ])
    expect(text({ kind: 'union', inputs: [plain, plain] }, leaves([], null))).toEqual([
      'SELECT CAST(NULL AS VARCHAR) AS "airport", CAST(NULL AS INTEGER) AS "delay" FROM (SELECT 1 AS one) AS t WHERE false',
    ])
  })

  test('a count counts rows, a semi-join keeps them', () => {
    const keys: Relation = { kind: 'derive', input: rows, columns: [{ as: 'airport', column: 'airport' }] }
    expect(text({ kind: 'count', input: { kind: 'distinct', input: keys } })).toEqual([
      'SELECT CAST(count(*) AS BIGINT) AS "rows" FROM (SELECT CAST(1 AS BIGINT) AS "x" FROM (SELECT DISTINCT t."airport" FROM (SELECT * FROM flights) AS t) AS t) AS t',
    ])
    expect(text({ kind: 'semi', input: keys, keys: ['airport'], among: keys })).toEqual([
      'SELECT l."airport" FROM (SELECT t."airport" FROM (SELECT * FROM flights) AS t) AS l WHERE EXISTS (SELECT 1 FROM (SELECT t."airport" FROM (SELECT * FROM flights) AS t) AS r WHERE r."airport" = l."airport")',
    ])
  })
})

const asOf = (change: Partial<AsOf['joins'][number]>): AsOf => ({
  kind: 'asOf',
  left: {
    kind: 'input',
    name: 'spine',
    uses: [
      { name: 'airport"; DROP', type: 'string' },
      { name: '_event', type: 'timestamp' },
    ],
  },
  at: '_event',
  joins: [
    {
      right: rows,
      on: [{ left: 'airport"; DROP', right: 'airport' }],
      ttlUs: 0n,
      knownByLeft: false,
      order,
      outputs: [{ column: 'delay', as: 'delay' }],
      ...change,
    },
  ],
})

describe('as-of joins as SQL', () => {
  test('values settle only what instants leave; user names do not reach the text', () => {
    expect(text(asOf({ ttlUs: 5n }))).toEqual([
      'CREATE TEMP TABLE "_as_of_0_top" AS SELECT l."row", l."k0", CASE WHEN epoch_us(l."at") - epoch_us(r."event") <= 5 THEN r."event" END AS "event" FROM (SELECT i."row", i."u1" AS "at", i."c0" AS "k0", i."u1" AS "key" FROM "spine" AS i) AS l ASOF LEFT JOIN (SELECT t."airport" AS "k0", t."_event" AS "event", t."_event" AS "key" FROM (SELECT * FROM flights) AS t WHERE t."airport" IS NOT NULL) AS r ON l.k0 = r.k0 AND l."key" >= r."key"',
      'CREATE TEMP TABLE "_as_of_0" AS SELECT w."row", r."o0" FROM "_as_of_0_top" AS w LEFT JOIN (SELECT t."airport" AS "k0", t."_event" AS "event", t."delay" AS "o0", t."delay" AS "t0" FROM (SELECT * FROM flights) AS t WHERE t."airport" IS NOT NULL) AS r ON w."k0" = r."k0" AND w."event" = r."event" ORDER BY w."row"',
      'DROP TABLE "_as_of_0_top"',
      'SELECT s."c0" AS "airport""; DROP", s."c1" AS "_event", j0."o0" AS "delay" FROM "spine" AS s POSITIONAL JOIN "_as_of_0" AS j0',
    ])
    expect(compile(asOf({}), duckdbDialect, leaves()).steps[1]?.settle?.sql).toContain(
      ' QUALIFY row_number() OVER (PARTITION BY w."row" ORDER BY r.t0 DESC NULLS LAST) = 1 ORDER BY w."row"',
    )
  })

  test('pushed rows bring created time, tie and tombstones', () => {
    expect(text(asOf({ right: pushed, order: [own.event, own.created, own.reading, own.tie] }))[0]).toEqual(
      'CREATE TEMP TABLE "_as_of_0_top" AS SELECT l."row", l."k0", CASE WHEN NOT r.dead THEN r."event" END AS "event", r."created", r."p0" FROM (SELECT i."row", i."u1" AS "at", i."c0" AS "k0", {\'f0\': i."u1", \'f1\': TIMESTAMP \'infinity\', \'f2\': CAST(9223372036854775807 AS BIGINT)} AS "key" FROM "spine" AS i) AS l ASOF LEFT JOIN (SELECT t."airport" AS "k0", t."_event" AS "event", coalesce(t."_created", TIMESTAMP \'-infinity\') AS "created", t."_tie" AS "p0", t."_tombstone" AS "dead", {\'f0\': t."_event", \'f1\': coalesce(t."_created", TIMESTAMP \'-infinity\'), \'f2\': t."_tie"} AS "key" FROM (SELECT * FROM log) AS t WHERE t."airport" IS NOT NULL) AS r ON l.k0 = r.k0 AND l."key" >= r."key"',
    )
  })

  test('known by the left row: rows by the instant from which they are both true and known', () => {
    expect(text(asOf({ right: pushed, knownByLeft: true, order: [own.event, own.created] }))[0]).toContain(
      '{\'f0\': greatest(t."_event", t."_created"), \'f1\': coalesce(t."_created", TIMESTAMP \'-infinity\')} AS "key" FROM (SELECT * FROM log) AS t WHERE t."airport" IS NOT NULL AND t."_created" IS NOT NULL QUALIFY t."_event" = max(t."_event") OVER (PARTITION BY t."airport" ORDER BY greatest(t."_event", t."_created"))',
    )
  })

  test('a right side without rows is not joined; without keys every row matches', () => {
    expect(text(asOf({ right: pushed }), leaves([], null))).toEqual([
      'SELECT s."c0" AS "airport""; DROP", s."c1" AS "_event", CAST(NULL AS INTEGER) AS "delay" FROM "spine" AS s',
    ])
    expect(text(asOf({ on: [], order: [own.event, own.created] }))[0]).toContain(
      't."_event" AS "key" FROM (SELECT * FROM flights) AS t) AS r ON l."key" >= r."key"',
    )
  })

  test('few left rows: only the rows of their entities are joined', () => {
    const few = leaves([], null, { ...spine, rows: 100 })
    const [winners, rows] = text(asOf({ order: [own.event, own.created] }), few)
    expect(rows).not.toContain('EXISTS')
    expect(winners).toContain(
      'FROM (SELECT t."airport", t."delay", t."_event", CAST(NULL AS TIMESTAMP) AS "_created", CAST(1 AS BIGINT) AS "_reading", CAST(0 AS BIGINT) AS "_tie", false AS "_tombstone" FROM (SELECT * FROM flights) AS t) AS l WHERE EXISTS (SELECT 1 FROM (SELECT t."c0" AS "airport" FROM "spine" AS t) AS r WHERE r."airport" = l."airport") AND l."airport" IS NOT NULL)',
    )
    expect(text(asOf({}), leaves([], null, { ...spine, rows: 1_000_000 }))[0]).not.toContain('EXISTS')
  })

  test('rows that no left row can see are not asked for', () => {
    const asked: Asked[] = []
    text(
      asOf({ ttlUs: 100n }),
      leaves(asked, null, { ...spine, ranges: new Map([['_event', { min: 500n, max: 900n }]]) }),
    )
    expect(asked).toEqual([
      {
        narrow: [
          { op: '<=', column: own.event, type: 'timestamp', value: 900n },
          { op: '>=', column: own.event, type: 'timestamp', value: 400n },
        ],
      },
    ])
  })
})
