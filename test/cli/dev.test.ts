import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { newWatch, sourceLooks } from '../../src/cli/dev/watch.ts'
import { type Running, documentOf, json, run, start } from '../support/command-line.ts'
import { type Folder, newFolder, newShop } from './shop.ts'

let shop: Folder
beforeEach(() => {
  shop = newShop()
  // What expired long ago may be freed at any time.
  edit('ttl: 1d', 'ttl: 3000d')
})
afterEach(() => shop.remove())

const features = 'features/shop.yaml'
const text = (): string => readFileSync(join(shop.dir, features), 'utf8')
const edit = (from: string, to: string): void => void shop.write(features, text().replace(from, to))

/** A `dev` that runs, ended with the test. */
function startDev(
  ...args: string[]
): Running & { url: () => Promise<string>; said: (wanted: RegExp) => Promise<string> } {
  const dev = start(shop.dir, ['dev', '--port', '0', ...args])
  onTestFinished(() => void dev.child.kill('SIGKILL'))
  const [out, err] = [listen(dev, 'stdout'), listen(dev, 'stderr')]
  return { ...dev, said: err, url: async () => /http:[^\s"]+$/.exec(await out(/http:[^\s"]+(?=[\s"])/))?.[0] ?? '' }
}

/** What is said on a stream from now on, until a thing is. */
function listen({ child }: Running, stream: 'stdout' | 'stderr'): (wanted: RegExp) => Promise<string> {
  let heard = ''
  let more = (): void => undefined
  child[stream]?.on('data', (chunk: Buffer) => {
    heard += chunk.toString()
    more()
  })
  child.on('exit', () => more())
  return async (wanted) => {
    for (;;) {
      const match = wanted.exec(heard)
      if (match !== null) {
        const told = heard.slice(0, match.index + match[0].length)
        heard = heard.slice(told.length)
        return told
      }
      if (child.exitCode !== null) throw new Error(`It ended before it said ${String(wanted)}: ${heard}`)
      await new Promise<void>((resolve) => (more = resolve))
    }
  }
}

/** The service `model` reads it. */
const withoutNote = [
  'note: string, tags: list<string>, at: timestamp }\n  price:',
  'tags: list<string>, at: timestamp }\n  price:',
] as const

const labelOf = async (url: string, query = 'country=DE&shelf_no=1'): Promise<unknown> => {
  const answer = await fetch(`${url}/v1/online/price?${query}&_includeExpired=true`)
  return ((await answer.json()) as { features?: object }).features
}

test('dev applies, materializes and serves; each save is shown and brought in; errors leave the server as it was', async () => {
  const { said, ...dev } = startDev()
  const url = await dev.url()
  const first = await said(/Ctrl-C ends/)
  expect(first).toMatch(
    /\+ view +price [^]*7 to add, 0 to change, 0 to remove\n✓ Applied: the registry is at version 1\n/,
  )
  expect(first).toMatch(/✓ Materialized last_purchase, price: 2 rows in [\d.]+ s\n/)
  expect(await labelOf(url)).toEqual({ price: 2.5, label: '' })

  // As most editors save: into a file of another name, which then takes the place of the old one.
  writeFileSync(join(shop.dir, 'features/.shop.yaml.swp'), text().replace('ttl: 3000d', 'ttl: 6000d'))
  renameSync(join(shop.dir, 'features/.shop.yaml.swp'), join(shop.dir, features))
  const saved = await said(/✓ Materialized price: .*\n/)
  expect(saved).toMatch(
    /\d\d:\d\d:\d\d {2}features\/shop\.yaml saved\n {2}~ view {2}price\n {6}~ ttl {2}3000d → 6000d\n[^]*version 2\n/,
  )

  edit('ttl: 6000d', 'ttl: soon')
  expect(await said(/The server goes on with what was applied last\./)).toMatch(
    /x INVALID_DEFINITION [^]*features\/shop\.yaml:\d+:10\n[^]*\^/,
  )
  expect(await labelOf(url)).toEqual({ price: 2.5, label: '' })
  edit('ttl: soon', 'ttl: 6000d')
  await said(/Nothing to change: registry version 2 holds what the files say\./)

  // A new file in a new folder, then without it again.
  shop.write('features/more/people.yaml', 'entities:\n  person: { key: string }\n')
  expect(await said(/version 3\n/)).toContain('features/more/people.yaml saved\n  + entity  person')
  rmSync(join(shop.dir, 'features/more'), { recursive: true })
  expect(await said(/version 4\n/)).toContain('- entity  person')

  shop.write(
    'data/prices.csv',
    `${readFileSync(join(shop.dir, 'data/prices.csv'), 'utf8')}DE,1,9,new,2026-02-01,2026-02-01\n`,
  )
  expect(await said(/✓ Materialized price: .*\n/)).toContain('new data in prices\n')
  expect(await labelOf(url)).toEqual({ price: 9, label: 'new' })

  dev.child.kill('SIGINT')
  expect(await dev.ended).toMatchObject({
    exit: 0,
    stdout: `Provender serves shop on ${url}\n`,
    stderr: expect.stringMatching(/Stopped\.\n$/) as string,
  })
  await expect(fetch(`${url}/livez`)).rejects.toThrow()
})

test('what breaks services waits; it goes on when somebody applies it elsewhere', async () => {
  const { said, ...dev } = startDev()
  const url = await dev.url()
  edit(...withoutNote)
  const told = await said(/apply it with {2}provender apply --allow-breaking --yes/)
  expect(told).toMatch(/~ view {2}last_purchase {2}breaking\n {6}- features\.note/)
  const noteStatus = async (): Promise<number> => (await fetch(`${url}/v1/online/last_purchase:note?customer=1`)).status
  expect(await noteStatus()).toBe(200)
  await json(shop.dir, ['apply', '--yes', '--allow-breaking'])
  expect(await said(/Nothing to change: .*\n/)).toContain('applied elsewhere\n')
  expect(await noteStatus()).toBe(404)
  dev.child.kill('SIGINT')
  expect((await dev.ended).exit).toBe(0)
})

test('a repository that is not there, a port that is taken, a yes in advance, one document', async () => {
  const empty = newFolder()
  const [nowhere, remote] = await Promise.all([
    run(empty.dir, ['dev']),
    run(shop.dir, ['dev', '--url', 'http://127.0.0.1:1', '--json']),
  ])
  empty.remove()
  expect(nowhere).toMatchObject({ exit: 3, stdout: '', stderr: expect.stringContaining('provender init') as string })
  expect({ exit: remote.exit, ...(documentOf(remote.stdout) as object) }).toMatchObject({ exit: 2, code: 'USAGE' })

  const dev = startDev('--yes', '--json')
  const url = await dev.url()
  const taken = await run(shop.dir, ['dev', '--port', new URL(url).port])
  expect(taken).toMatchObject({ exit: 2, stdout: '', stderr: expect.stringContaining('cannot listen') as string })
  edit(...withoutNote)
  await expect
    .poll(async () => ((await json(shop.dir, ['history'])) as { versions: unknown[] }).versions.length, {
      timeout: 10_000,
      interval: 500,
    })
    .toBe(2)
  dev.child.kill('SIGTERM')
  const { exit, stdout, stderr } = await dev.ended
  expect({ exit, stderr, document: documentOf(stdout) }).toEqual({
    exit: 0,
    stderr: '',
    document: { url, project: 'shop' },
  })
})

test('a watch tells each change once, when two looks in a row agree', async () => {
  const looks = fc.array(fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('1', '2')), { maxLength: 30 })
  await fc.assert(
    fc.asyncProperty(looks, async (sequence) => {
      let at = 0
      const watch = newWatch(async () => new Map(Object.entries(sequence[at] ?? {})))
      let settled = sequence[0] ?? {}
      for (; at < sequence.length; at++) {
        const now = sequence[at] ?? {}
        const told = await watch()
        const isSteady = at === 0 || JSON.stringify(sorted(sequence[at - 1] ?? {})) === JSON.stringify(sorted(now))
        const differing = ['a', 'b', 'c'].filter((name) => settled[name] !== now[name])
        expect(told).toEqual(isSteady ? differing : [])
        if (isSteady) settled = now
      }
    }),
  )
})

const sorted = (look: Record<string, string>): [string, string][] =>
  Object.entries(look).sort(([a], [b]) => (a < b ? -1 : 1))

test('the files of a source are those that its path means', async () => {
  for (const file of ['data/a.csv', 'data/b.CSV', 'data/deep/c.csv', 'data/d.parquet', 'data/.e.csv', 'data/f.csv.tmp'])
    shop.write(file, '')
  mkdirSync(join(shop.dir, 'data/node_modules'))
  const looked = async (path: string): Promise<string[]> =>
    [...(await sourceLooks(shop.dir, { kind: 'source', name: 's', type: 'csv', path, timestamp: 'at' })).keys()]
      .map((each) => each.slice(shop.dir.length + 1))
      .sort()
  expect(await looked('data')).toEqual(['data/a.csv', 'data/b.CSV', 'data/deep/c.csv', 'data/prices.csv'])
  expect(await looked('data/*.csv')).toEqual(['data/a.csv', 'data/prices.csv'])
  expect(await looked('data/**/c.csv')).toEqual(['data/deep/c.csv'])
  expect(await looked('data/f.csv.tmp')).toEqual(['data/f.csv.tmp'])
  expect(await looked('nothing')).toEqual([])
})
