import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseExact } from '../../src/codecs/exact-json.ts'
import { documentOf, json, run, start } from '../support/command-line.ts'
import { type Folder, newShop } from './shop.ts'

let shop: Folder
beforeAll(async () => {
  shop = newShop()
  await json(shop.dir, ['apply', '--yes'])
})
afterAll(() => shop.remove())

const exact = {
  customer: 9007199254740993n,
  amount: 0.1,
  ratio: 0.1,
  items: -9223372036854775808n,
  note: 'a,\n"b"',
  tags: '["x",null,""]',
  at: '2026-01-01T00:00:00.000001Z',
}
const line = `{"customer":9007199254740993,"amount":0.1,"ratio":0.1,"items":-9223372036854775808,"note":"a,\\n\\"b\\"","tags":["x",null,""],"at":"2026-01-01T00:00:00.000001Z","event_timestamp":"2026-01-01T00:00:00Z"}\n`

test('values pass through push and get exactly, and statuses tell nulls apart', async () => {
  const pushed = await json(
    shop.dir,
    ['push', 'last_purchase', '-'],
    `${line}{"customer":2,"amount":"NaN","event_timestamp":"2026-01-01T00:00:00Z"}\n`,
  )
  expect(pushed).toEqual({ accepted: 2, superseded: 0, rejected: [] })
  const [one, two, none, csv] = await Promise.all([
    run(shop.dir, ['get', 'last_purchase', 'customer=9007199254740993', '--json', '--include', 'eventTimes']),
    json(shop.dir, ['get', 'last_purchase:amount', 'last_purchase:note', 'customer=2', '--full-names']),
    run(shop.dir, ['get', 'last_purchase:amount', 'customer=3']),
    run(shop.dir, ['get', 'last_purchase', 'customer=9007199254740993']),
  ])
  expect(parseExact(one.stdout)).toEqual({
    entity: { customer: exact.customer },
    features: { ...exact, customer: undefined, tags: ['x', null, ''] },
    statuses: {
      amount: 'PRESENT',
      ratio: 'PRESENT',
      items: 'PRESENT',
      note: 'PRESENT',
      tags: 'PRESENT',
      at: 'PRESENT',
    },
    eventTimes: { last_purchase: '2026-01-01T00:00:00Z' },
  })
  expect(two).toEqual({
    entity: { customer: 2 },
    features: { last_purchase__amount: 'NaN', last_purchase__note: null },
    statuses: { last_purchase__amount: 'PRESENT', last_purchase__note: 'NULL_VALUE' },
  })
  expect(none).toMatchObject({
    exit: 0,
    stdout: 'feature,value,status\r\namount,,NOT_FOUND\r\n',
    stderr: 'Next: provender materialize\n',
  })
  expect(csv.stdout).toBe(
    `feature,value,status\r\namount,0.1,PRESENT\r\nratio,0.1,PRESENT\r\nitems,-9223372036854775808,PRESENT\r\nnote,"a,\n""b""",PRESENT\r\ntags,"[""x"",null,""""]",PRESENT\r\nat,2026-01-01T00:00:00.000001Z,PRESENT\r\n`,
  )
})

test('a batch is answered in order, nulls, duplicates and strangers too', async () => {
  const file = shop.write(
    'entities.jsonl',
    '{"customer":2}\n{"customer":null}\n{"customer":9007199254740993}\n\n{"customer":2}',
  )
  const [whole, table, wrong] = await Promise.all([
    run(shop.dir, ['get', 'last_purchase:items', 'last_purchase:amount', '--batch', file, '--json']),
    run(shop.dir, ['get', 'last_purchase:amount', '--batch', '-'], '{"customer":2}\n{"customer":7}\n'),
    run(shop.dir, ['get', 'last_purchase', '--batch', '-', '--json'], '{"customer":2}\n{"customer":"2"}\n'),
  ])
  const second = { values: ['NaN'], statuses: undefined }
  expect(parseExact(whole.stdout)).toEqual({
    features: ['items', 'amount'],
    views: ['last_purchase'],
    rows: [
      { values: [null, 'NaN'], statuses: ['NULL_VALUE', 'PRESENT'] },
      { values: [null, null], statuses: ['NOT_FOUND', 'NOT_FOUND'] },
      { values: [exact.items, 0.1] },
      { values: [null, ...second.values], statuses: ['NULL_VALUE', 'PRESENT'] },
    ],
    registryVersion: 1,
  })
  expect(table).toMatchObject({ exit: 0, stdout: 'customer,amount\r\n2,NaN\r\n7,\r\n' })
  expect({ exit: wrong.exit, ...(documentOf(wrong.stdout) as object) }).toMatchObject({
    exit: 2,
    code: 'BAD_VALUE',
    at: '/entities/1/customer',
  })
})

test('bad rows become dead letters, and are good once they can be', async () => {
  const csv = `customer,amount,items,note,tags,event_timestamp\r\n10,1.5,3,"",[],2026-01-01\r\n11,much,3,,,2026-01-01\r\n12,1.5,3,"[]",,\r\n`
  shop.write('rows.csv', csv)
  const [mixed, bad] = await Promise.all([
    run(shop.dir, ['push', 'last_purchase', 'rows.csv']),
    run(shop.dir, ['push', 'purchases', '-', '--json'], '{"customer":13,"amont":1,"event_timestamp":"2026-01-01"}\n'),
  ])
  expect(mixed).toMatchObject({ exit: 0, stderr: 'Next: provender dead-letters --source last_purchase\n' })
  expect(mixed.stdout).toMatch(
    /^3 rows: 1 accepted, 0 superseded, 2 rejected\n {2}line 3: BAD_VALUE .*"much".*\n {2}line 4: NULL_TIMESTAMP .*\n$/,
  )
  expect({ exit: bad.exit, ...(documentOf(bad.stdout) as object) }).toMatchObject({ exit: 2, code: 'UNKNOWN_COLUMN' })

  const [one, listed, table] = await Promise.all([
    json(shop.dir, ['get', 'last_purchase:note', 'last_purchase:tags', 'customer=10']),
    json(shop.dir, ['dead-letters', '--source', 'purchases']),
    run(shop.dir, ['dead-letters', '--limit', '2']),
  ])
  expect(one).toMatchObject({ features: { note: '', tags: [] } })
  expect(listed).toEqual({
    deadLetters: [
      expect.objectContaining({
        source: 'purchases',
        code: 'UNKNOWN_COLUMN',
        row: { customer: 13, amont: 1, event_timestamp: '2026-01-01' },
      }),
    ],
  })
  expect(table.stdout.split('\r\n')).toHaveLength(4)
  expect(table.stderr).toMatch(/Next: provender dead-letters --after \S+\n$/)

  const text = readFileSync(join(shop.dir, 'features/shop.yaml'), 'utf8')
  shop.write(
    'features/shop.yaml',
    text.replace('schema: { customer: int64,', 'schema: { customer: int64, amont: int64,'),
  )
  await json(shop.dir, ['apply', '--yes'])
  expect(await json(shop.dir, ['dead-letters', '--replay', '--source', 'purchases'])).toEqual({
    replayed: 1,
    accepted: 1,
    rejected: 0,
  })
  expect(await json(shop.dir, ['dead-letters', '--source', 'purchases'])).toEqual({ deadLetters: [] })
})

test('materialize, look at its run, delete what it wrote', async () => {
  const [done] = ((await json(shop.dir, ['materialize', 'price'])) as { runs: Record<string, unknown>[] }).runs
  expect(done).toMatchObject({
    kind: 'materialize',
    view: 'price',
    state: 'succeeded',
    written: 2,
    interval: [null, expect.any(String) as string],
  })
  const [runs, one, unknown, expired, loaded] = await Promise.all([
    json(shop.dir, ['runs', '--view', 'price', '--state', 'succeeded', '--limit', '5']),
    run(shop.dir, ['run', String(done?.['id'])]),
    run(shop.dir, ['run', 'none', '--json']),
    run(shop.dir, ['get', 'price', 'country=DE', 'shelf_no=1']),
    json(shop.dir, ['load']),
  ])
  expect(runs).toMatchObject({ runs: [{ id: done?.['id'] }] })
  expect(one).toMatchObject({
    exit: 0,
    stdout: expect.stringMatching(/^id: run_.*\nkind: materialize\nview: price\nstate: succeeded\n/) as string,
  })
  expect({ exit: unknown.exit, ...(documentOf(unknown.stdout) as object) }).toMatchObject({
    exit: 4,
    code: 'UNKNOWN_RUN',
  })
  expect(expired.stdout).toBe('feature,value,status\r\nprice,,OUTSIDE_MAX_AGE\r\nlabel,,OUTSIDE_MAX_AGE\r\n')
  expect(expired.stderr).toMatch(/Next: provender get price country=DE shelf_no=1 --include-expired\n$/)
  expect(loaded).toEqual({ sources: [] })

  expect(await json(shop.dir, ['get', 'price', 'country=DE', 'shelf_no=1', '--include-expired'])).toMatchObject({
    entity: { country: 'DE', shelf_no: 1 },
    features: { price: 2.5, label: '' },
  })
  const gone = await run(shop.dir, ['delete', 'price', 'country=DE', 'shelf_no=1'])
  expect(gone).toMatchObject({ exit: 0, stdout: 'Deleted price country=DE shelf_no=1\n' })
  expect(await json(shop.dir, ['delete', 'price', 'country=DE', 'shelf_no=1'])).toEqual({ deleted: false })
  expect(await json(shop.dir, ['get', 'price:price', 'country=DE', 'shelf_no=1', '--include-expired'])).toMatchObject({
    statuses: { price: 'NOT_FOUND' },
  })
})

test('train reads and writes every format, and knows what was known when', async () => {
  const spine =
    'id,country,shelf_no,customer,event_timestamp,"an ""extra"""\r\n007,DE,1,2,2026-01-02T12:00:00+01:00,""\r\n8,FR,2,9007199254740993,2026-01-01T00:00:00Z,\r\n9,XX,2,,2026-01-01T00:00:00Z,x\r\n'
  shop.write('spine.csv', spine)
  const header = 'id,country,shelf_no,customer,event_timestamp,"an ""extra""",price,items\r\n'
  const rows =
    '007,DE,1,2,2026-01-02T11:00:00Z,"",2.5,\r\n8,FR,2,9007199254740993,2026-01-01T00:00:00Z,,NaN,-9223372036854775808\r\n9,XX,2,,2026-01-01T00:00:00Z,x,,\r\n'
  const references = ['price:price', 'last_purchase:items']
  const [csv, asJson, known, first] = await Promise.all([
    run(shop.dir, ['train', ...references, '--spine', 'spine.csv']),
    run(shop.dir, ['train', ...references, '--spine', 'spine.csv', '--json']),
    run(shop.dir, ['train', 'price:price', '--spine', 'spine.csv', '--known-by', 'spine', '--full-names']),
    json(shop.dir, ['train', ...references, '--spine', 'spine.csv', '--out', 'out.parquet']),
  ])
  expect(csv).toMatchObject({ exit: 0, stdout: header + rows })
  expect(parseExact(asJson.stdout)).toMatchObject({
    rows: 3,
    columns: ['id', 'country', 'shelf_no', 'customer', 'event_timestamp', 'an "extra"', 'price', 'items'],
    out: null,
    types: { id: 'string', price: 'float64', items: 'int64' },
    values: { price: [2.5, 'NaN', null], items: [null, exact.items, null] },
  })
  expect(known.stdout).toContain('"an ""extra""",price__price\r\n007,DE,1,2,2026-01-02T11:00:00Z,"",\r\n')
  expect(first).toMatchObject({
    rows: 3,
    columns: expect.arrayContaining(['price', 'items']) as string[],
    seconds: expect.any(Number) as number,
    out: 'out.parquet',
  })

  const [jsonl, events, latest] = await Promise.all([
    json(shop.dir, [
      'train',
      'price:label',
      '--spine',
      'out.parquet',
      '--out',
      'out.jsonl',
      '--timestamp',
      'event_timestamp',
    ]),
    run(shop.dir, ['train', 'price', '--events', '2026-01-01..2026-01-02']),
    run(shop.dir, ['train', 'price', '--snapshot', '2026-01-02T12:00:00Z', '--as-of', '2026-01-03']),
  ])
  expect(jsonl).toMatchObject({ rows: 3, out: 'out.jsonl' })
  const written = readFileSync(join(shop.dir, 'out.jsonl'), 'utf8')
    .split('\n')
    .slice(0, 3)
    .map((each) => parseExact(each))
  expect(written).toMatchObject([
    { id: '007', price: 2.5, items: null, label: '' },
    { price: 'NaN', items: exact.items, label: null },
    { id: '9', label: null },
  ])
  expect(events.stdout).toBe(
    'country,shelf_no,event_timestamp,created_timestamp,price,label\r\nDE,1,2026-01-01T10:00:00Z,2026-01-01T11:00:00Z,1.5,"a, b"\r\nFR,2,2026-01-01T00:00:00Z,2026-01-01T00:00:00Z,NaN,\r\n',
  )
  expect(latest.stdout).toBe('country,shelf_no,event_timestamp,price,label\r\n')
  expect(readdirSync(shop.dir).filter((name) => name.includes('.tmp'))).toEqual([])
})

test('a big push is split into calls; with its key it is pushed once, and goes on where it stopped', async () => {
  const rows = Array.from(
    { length: 23_000 },
    (_, i) => `{"customer":${100 + i},"amount":${i},"event_timestamp":"2026-02-01"}\n`,
  )
  const file = join(shop.dir, 'big.jsonl')
  writeFileSync(file, rows.join(''))
  const count = async (): Promise<number> =>
    (
      (await json(shop.dir, ['train', 'last_purchase:amount', '--events', '2026-02-01..2026-02-02'])) as {
        rows: number
      }
    ).rows

  const { child, ended } = start(shop.dir, ['push', 'last_purchase', '-', '--idempotency-key', 'night'])
  child.stdin?.write(rows.slice(0, 12_000).join(''))
  // The first call is answered as soon as its rows are in history.
  while ((await count()) < 10_000) await new Promise((resolve) => setTimeout(resolve, 100))
  child.kill('SIGINT')
  const stopped = await ended
  expect(stopped).toMatchObject({ exit: 130, stdout: '' })
  expect(stopped.stderr).toMatch(/^x INTERRUPTED /)

  const [whole, again] = [
    await json(shop.dir, ['push', 'last_purchase', file, '--idempotency-key', 'night']),
    await json(shop.dir, ['push', 'last_purchase', file, '--idempotency-key', 'night']),
  ]
  expect(whole).toEqual({ accepted: 23_000, superseded: 0, rejected: [] })
  expect(again).toEqual(whole)
  expect(await count()).toBe(23_000)
})

test('rows of a Parquet file can be pushed', async () => {
  await json(shop.dir, ['train', 'last_purchase', '--snapshot', '2026-03-01', '--out', 'latest.parquet'])
  expect(await json(shop.dir, ['push', 'last_purchase', 'latest.parquet', '--to', 'offline'])).toMatchObject({
    rejected: [],
  })
})
