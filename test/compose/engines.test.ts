import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openStore } from '../../src/compose/open-store.ts'
import { openingOf } from '../../src/compose/opening.ts'

function newRepository(): string {
  const dir = mkdtempSync(join(tmpdir(), 'provender-engines-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  writeFileSync(join(dir, 'provender.yaml'), 'project: lazy\n')
  return dir
}

const definitions = {
  entities: { customer: { key: 'int64' } },
  sources: { bought: { type: 'push', schema: { customer: 'int64', amount: 'float64' }, timestamp: 'at' } },
  views: { last: { entities: ['customer'], source: 'bought', features: { amount: 'float64' } } },
  on_demand: {},
  services: {},
}

describe('engines are loaded and opened by the first call that needs them', () => {
  test('what a verb does not need is not loaded', async () => {
    const dir = newRepository()
    {
      await using store = await openStore(dir)
      await store.apply(definitions)
    }
    const script = join(import.meta.dirname, '../support/loaded-engines.ts')
    const loadedBy = async (verb: string): Promise<unknown> =>
      JSON.parse((await promisify(execFile)(process.execPath, [script, dir, verb])).stdout)
    const needed = {
      nothing: [],
      history: [],
      runs: [],
      list: ['lmdb'],
      show: ['lmdb'],
      online: ['lmdb'],
      deadLetters: [],
      push: ['lmdb'],
      events: ['duckdb'],
    }
    const found = Object.keys(needed).map(async (verb) => [verb, await loadedBy(verb)])
    expect(Object.fromEntries(await Promise.all(found))).toEqual(needed)
  })

  test('a folder is made by who writes into it', async () => {
    const dir = newRepository()
    await using store = await openStore(dir)
    expect(readdirSync(dir)).toEqual(['provender.yaml'])
    expect(await store.versions()).toEqual([])
    expect(readdirSync(join(dir, '.provender')).filter((name) => !name.startsWith('metadata'))).toEqual([])
    await store.apply(definitions)
    await store.push('last', [{ customer: 1, amount: 2, at: '2026-01-01' }])
    expect((await store.online('last', [{ customer: 1 }])).exact).toEqual([[2]])
  })

  test('what is wrong with an engine is thrown by the call that opens it, each time, until it is right; or at once where all are opened', async () => {
    const dir = newRepository()
    writeFileSync(join(dir, '.provender'), 'in the way')
    await using store = await openStore(dir)
    for (let i = 0; i < 2; i++) await expect(store.versions()).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' })
    await expect(openStore(dir, { serves: true })).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' })
    rmSync(join(dir, '.provender'))
    expect(await store.versions()).toEqual([])
    await (await openStore(dir, { serves: true }))[Symbol.asyncDispose]()
    expect(readdirSync(join(dir, '.provender'))).toEqual(expect.arrayContaining(['metadata.db', 'offline', 'online']))
    writeFileSync(join(dir, 'provender.yaml'), 'project: lazy\nonline: memcached://127.0.0.1:6379\n')
    await expect(openStore(dir)).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  })
})

describe('an opening', () => {
  const bench = () => {
    const seen = { opened: 0, closed: 0, failing: false, hold: Promise.resolve() }
    const opening = openingOf('cellar', async () => {
      seen.opened++
      await seen.hold
      if (seen.failing) throw new Error('no key')
      return { number: seen.opened, [Symbol.asyncDispose]: async () => void seen.closed++ }
    })
    return { seen, opening, use: async () => opening.use(({ number }) => number) }
  }

  test('is shared by all who come meanwhile, kept, and made anew only after it failed', async () => {
    const { seen, opening, use } = bench()
    seen.failing = true
    expect((await Promise.allSettled([use(), use()])).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(seen.opened).toBe(1)
    seen.failing = false
    expect(await Promise.all([use(), use(), use()])).toEqual([2, 2, 2])
    expect(opening.use(({ number }) => number)).toBe(2)
    await opening[Symbol.asyncDispose]()
    await opening[Symbol.asyncDispose]()
    expect(seen).toMatchObject({ opened: 2, closed: 1 })
  })

  test('that nobody needed is not made to be closed, and not made afterwards', async () => {
    const { seen, opening, use } = bench()
    await opening[Symbol.asyncDispose]()
    await expect(use()).rejects.toMatchObject({ code: 'CLOSED', message: 'The cellar is closed' })
    expect(seen).toMatchObject({ opened: 0, closed: 0 })
  })

  test('that is under way is waited for, and closed', async () => {
    const { seen, opening, use } = bench()
    const { promise, resolve } = Promise.withResolvers<void>()
    seen.hold = promise
    const first = use()
    const closing = opening[Symbol.asyncDispose]()
    await expect(use()).rejects.toMatchObject({ code: 'CLOSED' })
    resolve()
    await closing
    await first
    expect(seen).toMatchObject({ opened: 1, closed: 1 })
  })
})
