import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { SpineInput } from '../../src/ports/offline.ts'
import { type DuckdbBench, columnsOf } from '../support/duckdb-bench.ts'
import { T0, ask, byAirport, byId, flights, join1, openFlights, plan } from '../support/flights-bench.ts'

let bench: DuckdbBench
beforeAll(async () => {
  bench = await openFlights()
})
afterAll(async () => {
  await bench[Symbol.asyncDispose]()
})

describe('a spine of rows', () => {
  test('columns keep their order, their values and a type of their own', async () => {
    const rows = [
      {
        label: 1,
        id: 1,
        event_timestamp: '2020-01-01T01:00:00+01:00',
        text: 'é',
        flag: true,
        big: 9223372036854775807n,
        when: new Date(1),
        bytes: Uint8Array.of(1),
        list: [1, null, 3],
        floats: [0.5, 'NaN'],
        nested: { a: [1n] },
        none: null,
      },
      { label: 2.5, id: 9223372036854775807n, event_timestamp: T0 - 1n, late: 'x' },
      { label: 'NaN', id: 2, event_timestamp: new Date(1_577_836_800_000) },
    ]
    const { types, columns } = await ask(bench, byId, { kind: 'rows', rows })
    expect(types).toEqual({
      label: 'float64',
      id: 'int64',
      event_timestamp: 'timestamp',
      text: 'string',
      flag: 'bool',
      big: 'int64',
      when: 'timestamp',
      bytes: 'bytes',
      list: 'list<int64>',
      floats: 'list<float64>',
      nested: { foreign: 'JSON' },
      none: 'string',
      late: 'string',
      delay: 'int32',
    })
    expect(columns).toEqual({
      label: [1, 2.5, Number.NaN],
      id: [1n, 9223372036854775807n, 2n],
      event_timestamp: [T0, T0 - 1n, T0],
      text: ['é', null, null],
      flag: [true, null, null],
      big: [9223372036854775807n, null, null],
      when: [1000n, null, null],
      bytes: [Uint8Array.of(1), null, null],
      list: [[1n, null, 3n], null, null],
      floats: [[0.5, Number.NaN], null, null],
      nested: ['{"a":[1]}', null, null],
      none: [null, null, null],
      late: [null, 'x', null],
      delay: [5, null, 6],
    })
  })

  test('names of any kind, also those that SQL, JavaScript and Provender use', async () => {
    const row = {
      id: 1,
      event_timestamp: '2020-01-01',
      c0: 'a',
      row: 'b',
      u0: 'c',
      key: 'd',
      _event: 'e',
      at: 'f',
      'a"b': 'g',
      "it's": 'h',
      '': 'i',
      constructor: 'j',
      'new\nline': 'k',
      o0: 'l',
    }
    const { columns } = await ask(bench, byId, { kind: 'rows', rows: [row, { id: 2, event_timestamp: '2020-01-01' }] })
    expect(columns).toEqual({
      ...Object.fromEntries(Object.entries(row).map(([name, value]) => [name, [value, null]])),
      id: [1n, 2n],
      event_timestamp: [T0, T0],
      delay: [5, 6],
    })
  })

  test('as columns; an empty one; one row many times', async () => {
    expect(
      (
        await ask(bench, byId, {
          kind: 'columns',
          columns: { id: [2, null], event_timestamp: ['2020-01-01', '2020-01-01'] },
        })
      ).columns,
    ).toEqual({ id: [2n, null], event_timestamp: [T0, T0], delay: [6, null] })
    expect((await ask(bench, byId, { kind: 'rows', rows: [] })).columns).toEqual({
      id: [],
      event_timestamp: [],
      delay: [],
    })
    const many = Array.from({ length: 5000 }, (_, i) => ({ id: 1, event_timestamp: '2020-01-01', n: i }))
    const { columns } = await ask(bench, byId, { kind: 'rows', rows: many })
    expect(columns['n']).toEqual(many.map((r) => BigInt(r.n)))
    expect(new Set(columns['delay'])).toEqual(new Set([5]))
    await expect(
      ask(bench, byId, { kind: 'columns', columns: { id: [1], event_timestamp: [] } }),
    ).rejects.toMatchObject({
      code: 'BAD_REQUEST',
    })
  })

  test.each([
    ['a text as an int key', { id: '1', event_timestamp: '2020-01-01' }, 'BAD_VALUE', '/spine/rows/1/id'],
    ['a number as an instant', { id: 1, event_timestamp: 5 }, 'BAD_VALUE', '/spine/rows/1/event_timestamp'],
    ['a fraction as a key', { id: 1.5, event_timestamp: '2020-01-01' }, 'BAD_VALUE', '/spine/rows/1/id'],
  ])('%s is refused with its place', async (_, row, code, at) => {
    await expect(
      ask(bench, byId, { kind: 'rows', rows: [{ id: 1, event_timestamp: '2020-01-01' }, row] }),
    ).rejects.toMatchObject({ code, at })
  })

  test.each([
    ['numbers and texts', [1, 'x']],
    ['a list and a number', [[1], 1]],
    ['a boolean and "NaN"', [true, 'NaN']],
    ['an instant and a text', [new Date(0), 'x']],
    ['elements', [[1, 'x'], null]],
  ])('a column of %s is refused by name', async (_, values) => {
    const rows = values.map((mixed) => ({ id: 1, event_timestamp: '2020-01-01', mixed }))
    await expect(ask(bench, byId, { kind: 'rows', rows })).rejects.toMatchObject({
      code: 'BAD_VALUE',
      message: expect.stringContaining('"mixed"') as string,
    })
  })

  test('missing columns, missing instants and colliding names are told', async () => {
    await expect(
      ask(bench, byId, { kind: 'rows', rows: [{ Id: 1, event_timestamp: '2020-01-01' }] }),
    ).rejects.toMatchObject({
      code: 'MISSING_KEY',
      remedy: expect.stringContaining('"Id"') as string,
    })
    const rows = [1, null, 3, null].map((n) => ({ id: 1, event_timestamp: n === null ? null : '2020-01-01' }))
    await expect(ask(bench, byId, { kind: 'rows', rows })).rejects.toMatchObject({
      code: 'MISSING_TIMESTAMP',
      message: expect.stringMatching(/^2 of 4 .*row 2,/) as string,
    })
    await expect(
      ask(bench, byId, { kind: 'rows', rows: [{ id: 1, event_timestamp: '2020-01-01', Delay: 1 }] }),
    ).rejects.toMatchObject({ code: 'NAME_COLLISION', message: expect.stringMatching(/"Delay".*"delay"/) as string })
    await expect(
      ask(bench, byId, { kind: 'rows', rows: [{ id: 1, event_timestamp: '2020-01-01', ID: 1 }] }),
    ).rejects.toMatchObject({ code: 'NAME_COLLISION' })
  })
})

describe('other spines', () => {
  test('SQL over the sources, in its own order', async () => {
    const sql = `SELECT id, airport, "at" + INTERVAL 1 HOUR AS event_timestamp FROM flights ORDER BY id DESC`
    const { types, columns } = await ask(bench, byAirport, { kind: 'sql', sql, inputs: [{ source: flights }] })
    expect(types).toEqual({ id: 'int64', airport: 'string', event_timestamp: 'timestamp', delay: 'int32' })
    expect(columns['delay']).toEqual([7, 6, 5])
  })

  test('a file that cannot be read is blamed, not the sources that it is joined to', async () => {
    const path = join(bench.dir, 'broken.csv')
    writeFileSync(path, 'id,event_timestamp\n"1')
    await expect(ask(bench, byId, { kind: 'file', path, format: 'csv' })).rejects.toMatchObject({
      code: 'SOURCE_UNREADABLE',
      message: expect.stringMatching(/^[^:]*broken\.csv: /) as string,
    })
  })

  test('an input alone gives all its columns', async () => {
    const spine: SpineInput = { kind: 'rows', rows: [{ b: 1, a: 'x' }] }
    expect(
      await columnsOf(
        await bench.offline.query({
          plan: { kind: 'input', name: 'spine', uses: [] },
          inputs: new Map([['spine', spine]]),
        }),
      ),
    ).toEqual({ b: [1n], a: ['x'] })
    expect(
      await columnsOf(
        await bench.offline.query({
          plan: { kind: 'count', input: { kind: 'input', name: 'spine', uses: [] } },
          inputs: new Map([['spine', spine]]),
        }),
      ),
    ).toEqual({ rows: [1n] })
  })

  test('several joins, one of them under other keys', async () => {
    const uses = [
      { name: 'from', type: 'string' },
      { name: 'to', type: 'string' },
      { name: 'event_timestamp', type: 'timestamp' },
    ] as const
    const both = plan(uses, 'event_timestamp', [
      join1('airport', 'string', 'from', 'origin__delay'),
      join1('airport', 'string', 'to', 'destination__delay'),
    ])
    const rows = [
      { from: 'A', to: 'B', event_timestamp: '2020-01-01' },
      { from: 'B', to: null, event_timestamp: '2020-01-01' },
      { from: 'C', to: 'A', event_timestamp: '2019-01-01' },
    ]
    expect((await ask(bench, both, { kind: 'rows', rows })).columns).toMatchObject({
      origin__delay: [5, 6, null],
      destination__delay: [6, null, null],
    })
  })
})
