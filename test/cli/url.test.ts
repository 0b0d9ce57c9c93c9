import { once } from 'node:events'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { commands } from '../../src/cli/commands.ts'
import { type Ended, type Running, documentOf, run, start } from '../support/command-line.ts'
import { newShop } from './shop.ts'

/** A command, run in a repository and with --url against a server on an equal one: it must say the same. */
interface Row {
  readonly args: readonly string[]
  readonly input?: string
  /** Files that are written first, beside the one who types; null removes one. */
  readonly files?: Readonly<Record<string, string | null>>
  /** A file that it writes, which must be equal too. */
  readonly out?: string
  /** Lines of talk that only the command without --url says. */
  readonly onlyLocal?: RegExp
}

const today = new Date().toISOString().slice(0, 10)

/** What two equal commands say differently all the same: the moment, the folder, and names that are made up. */
const differs: readonly (readonly [what: string, pattern: RegExp, stand: string])[] = [
  ['instants of the moment', new RegExp(`${today}T[\\d:.]+Z`, 'g'), '<now>'],
  ['how long something took, or how old it is', /\b\d+\.\d{3,}\b/g, '<seconds>'],
  ['how long a training set took', /\(\d[\d.]* m?s\)/g, '(<seconds>)'],
  ['how soon a store answers', /^(?:metadata|offline|online),(?:ok|warn),.* answers in .*$/gm, '<measured>'],
  [
    'how soon a store answers, as JSON',
    /\{"name":"(?:metadata|offline|online)","status":"(?:ok|warn)","detail":"[^"]* answers in [^}]*\}/g,
    '<measured>',
  ],
  ['what the disk has', /\d+ GiB/g, '<measured>'],
  ['what the slowness of a store leads to', /^Next: provender dead-letters\n/gm, ''],
  ['what the system says of a file that cannot be written', /(?<=cannot be written: ).*/g, '<reason>'],
  ['ids of runs', /run_[0-9a-z]+/g, '<run>'],
  ['ids of dead letters', /\b[0-9a-z]{24}\b/g, '<letter>'],
  ['keys of interrupted pushes', /--idempotency-key [0-9a-f]{16}/g, '--idempotency-key <key>'],
  ['the server, in a command line to type again', /--url http:\S+ /g, ''],
  ['the folder', /\/[^\s"']*\/provender-cli-\w+/g, '<dir>'],
]

const lines = (...rows: string[]): string => rows.map((row) => `${row}\n`).join('')

const exact =
  '{"customer":9007199254740993,"amount":0.1,"ratio":0.1,"items":-9223372036854775808,"note":"a,\\n\\"b\\"","tags":["x",null,""],"at":"2026-01-01T00:00:00.000001Z","event_timestamp":"2026-01-01T00:00:00Z"}'
const floats = '{"customer":2,"amount":"NaN","ratio":-0,"tags":[],"event_timestamp":"2026-01-01T00:00:00Z"}'
const mixed = 'customer,amount,items,event_timestamp\r\n10,1.5,3,2026-01-01\r\n11,much,3,2026-01-01\r\n12,1.5,3,\r\n'
const spine =
  'id,country,shelf_no,customer,event_timestamp,"an ""extra"""\r\n007,DE,1,2,2026-01-02T12:00:00+01:00,""\r\n8,FR,2,9007199254740993,2026-01-01T00:00:00Z,\r\n9,XX,2,,2026-01-01T00:00:00Z,x\r\n'
const spineLines = lines(
  '{"country":"DE","shelf_no":1,"event_timestamp":"2026-01-02T12:00:00.000001Z","big":9007199254740993,"f":-0}',
  '{"country":"XX","shelf_no":1,"event_timestamp":"2026-01-02","big":null,"f":"NaN"}',
)
const broken = 'views:\n  worse:\n    entities: [custmer]\n    source: purchases\n    features: { amount: float64 }\n'
const renamed = 'entities:\n  person: { key: string }\n'

/** In this order: what a command leaves, the next ones find. */
const rows: readonly Row[] = [
  { args: ['validate'] },
  { args: ['plan', '--exit-code'] },
  { args: ['plan', '--json'] },
  { args: ['ls'], onlyLocal: /Nothing has been applied/ },
  { args: ['history', '--json'], onlyLocal: /Nothing has been applied/ },
  { args: ['apply'] },
  { args: ['apply', '--yes', '--message', 'First'] },
  { args: ['apply', '--yes', '--json'] },
  { args: ['validate', '--json'], files: { 'features/broken.yaml': broken } },
  { args: ['plan'] },
  { args: ['validate'], files: { 'features/broken.yaml': null, 'features/more.yaml': renamed } },
  { args: ['plan'] },
  { args: ['apply', '--yes'] },
  { args: ['diff', '1', '2'] },
  { args: ['diff', '1', '--json'] },
  { args: ['diff', '8', '9'] },
  { args: ['rollback', '1', '--message', 'Back'], onlyLocal: /The definition files differ/ },
  { args: ['rollback', '99', '--json'], files: { 'features/more.yaml': null } },
  { args: ['history'] },
  { args: ['push', 'last_purchase', '-'], input: lines(exact) },
  {
    args: ['push', 'last_purchase', '-', '--json'],
    input: lines(floats, '{"customer":3,"amount":1e999,"event_timestamp":"2026-01-01"}'),
  },
  { args: ['push', 'purchases', 'mixed.csv'], files: { 'mixed.csv': mixed } },
  { args: ['push', 'purchases', '-'], input: lines('{"customer":13,"amont":1,"event_timestamp":"2026-01-01"}') },
  { args: ['push', 'purchase', '-', '--json'], input: lines('{"customer":13}') },
  { args: ['push', 'purchases', 'missing.csv'] },
  { args: ['dead-letters', '--limit', '2'] },
  { args: ['dead-letters', '--json'] },
  { args: ['dead-letters', '--replay', '--source', 'purchases'] },
  { args: ['materialize'] },
  { args: ['materialize', 'price', '--start', '2026-01-01', '--json'] },
  { args: ['materialize', 'prize'] },
  { args: ['materialize', 'price', '--start', '2999-01-01'] },
  { args: ['runs', '--view', 'price'] },
  { args: ['runs', '--state', 'failed', '--json'] },
  { args: ['run', '{run}'] },
  { args: ['run', '{run}', '--cancel', '--json'] },
  { args: ['run', 'none'] },
  { args: ['get', 'last_purchase', 'customer=9007199254740993', '--json', '--include', 'eventTimes'] },
  { args: ['get', 'last_purchase:amount', 'last_purchase:ratio', 'customer=2', '--full-names'] },
  { args: ['get', 'price', 'country=DE', 'shelf_no=1'] },
  { args: ['get', 'price', 'country=DE'] },
  { args: ['get', 'price', 'country=DE', 'shelf_no=one', '--json'] },
  { args: ['get', 'prise', 'country=DE'] },
  {
    args: ['get', 'model', '--batch', 'entities.jsonl', '--json'],
    files: {
      'entities.jsonl': lines(
        '{"customer":2,"country":"DE","shelf_no":1}',
        '{"customer":9007199254740993,"country":null,"shelf_no":2}',
      ),
    },
  },
  { args: ['get', 'last_purchase:amount', '--batch', '-'], input: lines('{"customer":2}', '{"customer":"2"}') },
  { args: ['train', 'price:price', 'last_purchase:items', '--spine', 'spine.csv'], files: { 'spine.csv': spine } },
  { args: ['train', 'price', '--spine', 'spine.jsonl', '--json'], files: { 'spine.jsonl': spineLines } },
  { args: ['train', 'price', '--spine', 'spine.csv', '--known-by', 'spine', '--out', 'out.csv'], out: 'out.csv' },
  { args: ['train', 'price', '--spine', 'spine.jsonl', '--out', 'out.jsonl', '--json'], out: 'out.jsonl' },
  { args: ['train', 'price', '--spine', 'spine.csv', '--out', 'out.parquet', '--json'], out: 'out.parquet' },
  { args: ['train', 'price', '--spine', 'out.parquet', '--full-names'] },
  {
    args: ['train', 'price', '--spine', 'bad.csv'],
    files: { 'bad.csv': 'country,shelf_no,event_timestamp\r\nDE,one,2026-01-01\r\n' },
  },
  {
    args: ['train', 'price', '--spine', 'bad.jsonl'],
    files: { 'bad.jsonl': '{"country":"DE","shelf_no":1,"event_timestamp":"2026-01-01"}\n{"country"\n' },
  },
  {
    args: ['train', 'price', '--spine', 'untimed.csv', '--json'],
    files: { 'untimed.csv': 'country,shelf_no\r\nDE,1\r\n' },
  },
  { args: ['train', 'price', '--spine', 'spine.csv', '--out', 'nowhere/out.parquet'] },
  { args: ['train', 'price', '--events', '2026-01-01..2026-01-02'] },
  { args: ['train', 'price', '--snapshot', '2026-01-02T12:00:00Z', '--as-of', '2026-01-03'] },
  { args: ['train', 'price', '--snapshot', 'yesterday', '--json'] },
  { args: ['delete', 'price', 'country=DE', 'shelf_no=1'] },
  { args: ['delete', 'price', 'country=DE', 'shelf_no=1', '--json'] },
  { args: ['delete', 'price', 'country=DE', '--at', 'never'] },
  { args: ['load'] },
  { args: ['load', 'nothing', '--json'] },
  { args: ['ls', 'views', '--json'] },
  { args: ['show', 'price'] },
  { args: ['show', 'last_purchase', '--json'] },
  { args: ['show', 'nobody'] },
  // A server catches up by itself; here a run does.
  { args: ['materialize', '--json'] },
  { args: ['doctor'] },
  { args: ['doctor', '--json'] },
  { args: ['completion', 'bash'] },
  { args: ['completion', 'fishy', '--json'] },
  { args: ['explain', 'unknown-entity'] },
  { args: ['explain', 'UNKNOWN_ENTITI', '--json'] },
]

/** Commands that have no business with a server. */
const localOnly = ['init', 'dev', 'serve']

const [local, client, served] = [newShop(), newShop(), newShop()]
let server: Running
let url: string
beforeAll(async () => {
  server = start(served.dir, ['serve', '--port', '0', '--json'])
  const [line] = (await once(server.child.stdout ?? server.child, 'data')) as [Buffer]
  url = (documentOf(line.toString()) as { url: string }).url
})
afterAll(async () => {
  server.child.kill('SIGTERM')
  expect(await server.ended).toMatchObject({ exit: 0 })
  for (const folder of [local, client, served]) folder.remove()
})

test('every command has a row', () => {
  const named = new Set([...rows.map(({ args }) => args[0]), ...localOnly])
  expect(commands.map(({ name }) => name).filter((name) => !named.has(name))).toEqual([])
})

test.each(localOnly)('%s refuses --url', async (name) => {
  const { exit, stdout } = await run(client.dir, [name, '--url', url, '--json'])
  expect({ exit, ...(documentOf(stdout) as object) }).toMatchObject({ exit: 2, code: 'USAGE' })
})

test('each command says the same here and with --url', { timeout: 240_000 }, async () => {
  const ids: Record<'here' | 'there', string> = { here: '', there: '' }
  for (const row of rows) {
    for (const folder of [local, client])
      for (const [file, text] of Object.entries(row.files ?? {}))
        if (text === null) rmSync(join(folder.dir, file))
        else folder.write(file, text)
    const args = (id: string): string[] => row.args.map((word) => word.replace('{run}', id))
    const [here, there] = await Promise.all([
      run(local.dir, args(ids.here), row.input),
      run(client.dir, ['--url', url, ...args(ids.there)], row.input),
    ])
    ids.here = /run_[0-9a-z]+/.exec(here.stdout)?.[0] ?? ids.here
    ids.there = /run_[0-9a-z]+/.exec(there.stdout)?.[0] ?? ids.there
    const name = row.args.join(' ')
    expect({ name, ...told(there, undefined) }).toEqual({ name, ...told(here, row.onlyLocal) })
    if (row.args.includes('--json') && here.exit === 0) {
      const { json = '' } = commands.find((each) => each.name === row.args[0]) ?? {}
      expect(hasForm(documentOf(here.stdout), json), `${name} prints a document unlike ${json}`).toBe(true)
    }
    if (row.out !== undefined) {
      expect(existsSync(join(client.dir, row.out)), name).toBe(true)
      expect(readFileSync(join(client.dir, row.out)).equals(readFileSync(join(local.dir, row.out))), name).toBe(true)
    }
  }
})

/** Whether a document has the members that one of the forms of its command names: `{ a, b? }`, `{ a, … }`. */
function hasForm(document: unknown, forms: string): boolean {
  const members = Object.keys(document as object)
  return [...forms.matchAll(/\{ ([^{}]*) \}/g)].some(([, form = '']) => {
    const named = form.split(', ')
    const wanted = named.filter((name) => !/[?…]/.test(name))
    const isKnown = (name: string): boolean => named.some((each) => each === '…' || each.replace('?', '') === name)
    return wanted.every((name) => members.includes(name)) && members.every(isKnown)
  })
}

/** What was said, less what differs. */
function told({ exit, stdout, stderr }: Ended, leftOut: RegExp | undefined): Ended {
  const same = (text: string): string =>
    differs.reduce((all, [, pattern, stand]) => all.replaceAll(pattern, stand), text)
  const talk = stderr
    .split('\n')
    .filter((line) => leftOut?.test(line) !== true)
    .join('\n')
  return { exit, stdout: same(stdout), stderr: same(talk) }
}

test('Ctrl-C ends a push there as it does here, and its key goes on where it stopped', async () => {
  const rowsOf = (from: number, count: number): string =>
    lines(
      ...Array.from({ length: count }, (_, i) => `{"customer":${from + i},"amount":1,"event_timestamp":"2026-02-01"}`),
    )
  const push = ['--url', url, 'push', 'last_purchase', '-', '--idempotency-key', 'night']
  const { child, ended } = start(client.dir, push)
  child.stdin?.write(rowsOf(100, 12_000))
  const events = ['--url', url, 'train', 'last_purchase:amount', '--events', '2026-02-01..2026-02-02', '--json']
  const count = async (): Promise<number> => {
    const { stdout } = await run(client.dir, events)
    return (JSON.parse(stdout) as { rows: number }).rows
  }
  while ((await count()) < 10_000) await new Promise((resolve) => setTimeout(resolve, 100))
  child.kill('SIGINT')
  const stopped = await ended
  expect(stopped).toMatchObject({ exit: 130, stdout: '' })
  expect(stopped.stderr).toMatch(
    /^x INTERRUPTED {2}Interrupted: 10,000 rows were pushed and stay\n {2}Fix: Resume with {2}provender --url http/,
  )
  const again = await run(client.dir, push, rowsOf(100, 13_000))
  expect(again).toMatchObject({ exit: 0 })
  expect(await count()).toBe(13_000)
})

/** Has a process say, as it ends, which engines it has loaded. */
const tellEngines = `data:text/javascript,process.on('exit',()=>process.stderr.write('engines:'+process.report.getReport().sharedObjects.filter((path)=>/duckdb|lmdb/.test(path)).length+String.fromCharCode(10)))`

test.each([
  [['ls']],
  [['get', 'price', 'country=DE', 'shelf_no=1']],
  [['train', 'price', '--spine', 'spine.csv', '--out', 'engines.parquet']],
  [['push', 'last_purchase', 'mixed.csv']],
  [['plan']],
])('%j loads no engine with --url', async (args) => {
  client.write('spine.csv', spine)
  client.write('mixed.csv', mixed)
  const engines = async (folder: string, words: readonly string[]): Promise<string | undefined> => {
    const { stderr } = await start(folder, words, { NODE_OPTIONS: `--import ${tellEngines}` }).ended
    return /^engines:(\d+)$/m.exec(stderr)?.[1]
  }
  expect(await engines(client.dir, ['--url', url, ...args])).toBe('0')
  if (args[0] === 'ls') expect(Number(await engines(local.dir, args))).toBeGreaterThan(0)
})

test('a server that is not there, or is none, is told in one error', async () => {
  const [gone, wrong] = await Promise.all([
    run(client.dir, ['ls', '--url', 'http://127.0.0.1:1', '--json']),
    run(client.dir, ['ls', '--url', 'nowhere', '--json']),
  ])
  expect({ exit: gone.exit, ...(documentOf(gone.stdout) as object) }).toMatchObject({
    exit: 5,
    code: 'STORE_UNREACHABLE',
    detail: expect.stringContaining('http://127.0.0.1:1 cannot be reached: connect ECONNREFUSED') as string,
  })
  expect({ exit: wrong.exit, ...(documentOf(wrong.stdout) as object) }).toMatchObject({ exit: 2, code: 'USAGE' })
})
