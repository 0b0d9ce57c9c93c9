import { mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { type Server, createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Bench, openBench } from '../server/bench.ts'

/** What must never be answered: it lies in files, in the environment and in settings that nobody gave to a request. */
const canary = 'canary7f3a91'

let bench: Bench
let outside: string
/** Somebody out there, who must not be asked. */
let elsewhere: Server
let asked = 0

beforeAll(async () => {
  process.env['PROVENDER_TEST_CANARY'] = canary
  outside = realpathSync(mkdtempSync(join(tmpdir(), 'provender-outside-')))
  elsewhere = createServer((_, response) => {
    asked++
    response.end(`airport,n,at\n${canary},1,2026-03-01\n`)
  })
  await once(elsewhere.listen(0, '127.0.0.1'), 'listening')
  bench = await openBench({ sql: true })
  const secret = `airport,n,at\n${canary},1,2026-03-01\n`
  for (const path of [join(outside, 'secret.csv'), join(outside, '.hidden.csv')]) writeFileSync(path, secret)
  for (const name of ['.env.csv', '.private/secret.csv', 'data/.hidden.csv', 'other/secret.csv'])
    bench.write(name, secret)
  bench.write('data/own.csv', 'airport,n,at\nORD,1,2026-03-01\n')
  symlinkSync(join(outside, 'secret.csv'), join(bench.dir, 'data/link.csv'))
  symlinkSync(outside, join(bench.dir, 'data/away'))
  symlinkSync('/proc/self', join(bench.dir, 'data/self'))
})
afterAll(async () => {
  delete process.env['PROVENDER_TEST_CANARY']
  await bench[Symbol.asyncDispose]()
  elsewhere.close()
  rmSync(outside, { recursive: true, force: true })
})

const urlOf = (name: string): string => `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/${name}`

/** Definitions with a source at a path beside one of the repository's own, and SQL over that one. */
const definitionsOf = (path: string, sql = 'SELECT airport, n::BIGINT AS n, "at" FROM own') => ({
  entities: { airport: { key: 'string' } },
  sources: {
    own: { type: 'csv', path: 'data/own.csv', timestamp: 'at' },
    counts: { type: 'csv', path, timestamp: 'at' },
    asked: { type: 'sql', sql, timestamp: 'at' },
  },
  views: {
    counted: { entities: ['airport'], source: 'counts', features: { n: 'int64' } },
    owned: { entities: ['airport'], source: 'own', features: { n: 'int64' } },
    derived: { entities: ['airport'], source: 'asked', features: { n: 'int64' } },
  },
})

/** Does all that could bring something from outside into an answer; gives back the answers' text. */
async function allAnswers(definitions: object): Promise<string> {
  const texts: string[] = []
  for (const verb of ['validate', 'plan', 'apply']) {
    const body = { definitions, ...(verb === 'apply' ? { allowBreaking: true } : {}) }
    texts.push((await bench.ask('POST', `/v1/${verb}`, { body })).text)
  }
  for (const view of ['counted', 'owned', 'derived']) {
    const at = '2026-03-10T00:00:00Z'
    texts.push((await bench.ask('POST', '/v1/historical/snapshot', { body: { features: [view], at } })).text)
    texts.push((await bench.ask('GET', `/v1/views/${view}`)).text)
  }
  texts.push((await bench.ask('GET', `/v1/online/counted?airport=${canary}`)).text.replace(`"airport":"${canary}"`, ''))
  texts.push((await bench.ask('GET', '/v1/doctor')).text)
  return texts.join('\n')
}

describe('a path applied over HTTP reaches nothing outside', () => {
  test('the repository’s own data is read, so that what follows means something', async () => {
    expect(await allAnswers(definitionsOf('data/own.csv'))).toContain('"ORD"')
  })

  test.each([
    ['a link', () => 'data/link.csv'],
    ['a link, spelled another way', () => 'data//./in/../link.csv'],
    ['behind a linked folder', () => 'data/away/secret.csv'],
    ['patterns', () => 'data/lin[k].csv'],
    ['braces', () => 'data/{link,own}.csv'],
    ['all below', () => 'data/**/*.csv'],
    ['a linked folder', () => 'data/away'],
    ['upwards', () => `../${outside.split('/').at(-1)}/secret.csv`],
    ['upwards by a pattern', () => `data/*/../../../${outside.split('/').at(-1)}/*.csv`],
    ['an absolute path', () => join(outside, 'secret.csv')],
    ['an absolute path in capitals', () => join(outside, 'SECRET.CSV')],
    ['a file url', () => `file://${join(outside, 'secret.csv')}`],
    ['a url', () => urlOf('secret.csv')],
    ['a bucket', () => 's3://bucket/secret.csv'],
    ['the environment', () => '/proc/self/environ'],
    ['the environment behind a link', () => 'data/self/environ'],
    ['the working folder behind a link', () => 'data/self/cwd/package.json'],
    ['a home', () => '~/secret.csv'],
    ['a variable', () => '$PROVENDER_TEST_CANARY/secret.csv'],
    ['hive partitions', () => `data/x=${'..'}/../${outside.split('/').at(-1)}/secret.csv`],
    ['a NUL', () => `${join(outside, 'secret.csv')}\u0000.csv`],
    ['a hidden file', () => '.env.csv'],
    ['a hidden folder', () => '.private/secret.csv'],
    ['a hidden file among data', () => 'data/.hidden.csv'],
    ['what the stores hold', () => '.provender/metadata.db'],
    ['the settings', () => 'provender.yaml'],
  ])('%s', async (_, path) => {
    const before = asked
    const text = await allAnswers(definitionsOf(path()))
    expect(text).not.toContain(canary)
    const refused = await bench.ask('POST', '/v1/apply', {
      body: { definitions: definitionsOf(path()), allowBreaking: true },
    })
    expect([refused.status, JSON.parse(refused.text)]).toMatchObject([400, { status: 400 }])
    expect(asked).toBe(before)
  })

  test('a url that is a pattern is one of files, of which there are none', async () => {
    const text = await allAnswers(definitionsOf(urlOf('*.csv')))
    expect(text).not.toContain(canary)
    expect([text.includes('"version"'), asked]).toEqual([true, 0])
  })
})

const reaching = [
  () => `SELECT airport, n, "at" FROM read_csv('${join(outside, 'secret.csv')}')`,
  () => `SELECT * FROM '${join(outside, 'secret.csv')}'`,
  () => `SELECT * FROM '${join(bench.dir, 'other/secret.csv')}'`,
  () => `SELECT * FROM read_csv_auto('${urlOf('secret.csv')}')`,
  () => `SELECT content AS airport, 1 AS n, now() AS "at" FROM read_text('${join(outside, 'secret.csv')}')`,
  () => `SELECT content AS airport, 1 AS n, now() AS "at" FROM read_text('/proc/self/environ')`,
  () => `SELECT getenv('PROVENDER_TEST_CANARY') AS airport, 1 AS n, now() AS "at"`,
  () => `SELECT value AS airport, 1 AS n, now() AS "at" FROM duckdb_settings()`,
  () => `SELECT file AS airport, 1 AS n, now() AS "at" FROM glob('${outside}/*')`,
  () => `SELECT * FROM own, counts`,
  () => `SELECT * FROM flights`,
  () => `SELECT * FROM own; COPY (SELECT 1) TO '${join(outside, 'out.csv')}'`,
  () => `COPY own TO '${join(outside, 'out.csv')}'`,
  () => `ATTACH '${join(bench.dir, '.provender/metadata.db')}' AS m (TYPE sqlite)`,
]

describe('SQL over HTTP reaches nothing but its sources', () => {
  test.each(reaching)('%s', async (make) => {
    await bench.ask('POST', '/v1/apply', { body: { definitions: definitionsOf('data/own.csv'), allowBreaking: true } })
    const before = asked
    const sql = make()
    const spine = await bench.ask('POST', '/v1/historical', { body: { features: ['owned'], spine: { sql } } })
    // A spine may name any source of the repository.
    if (sql !== 'SELECT * FROM own, counts') {
      expect(spine.status).toBe(400)
      expect(JSON.parse(spine.text)).toMatchObject({ code: 'SQL_REFUSED' })
    }
    expect(spine.text).not.toContain(canary)
    expect(await allAnswers(definitionsOf('data/own.csv', sql))).not.toContain(canary)
    expect(asked).toBe(before)
  })
})
