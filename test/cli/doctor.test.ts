import { afterAll, beforeAll, expect, test } from 'vitest'
import { documentOf, json, run } from '../support/command-line.ts'
import { type Folder, newFolder, newShop } from './shop.ts'

let shop: Folder
beforeAll(async () => {
  shop = newShop()
  await json(shop.dir, ['apply', '--yes'])
})
afterAll(() => shop.remove())

interface Report {
  readonly ok: boolean
  readonly checks: readonly { readonly name: string; readonly status: string }[]
}

test('doctor ends with 0 where nothing fails, warnings or not, and shows what to do', async () => {
  const { exit, stdout, stderr } = await run(shop.dir, ['doctor'])
  expect(exit).toBe(0)
  expect(stdout).toMatch(/^check,status,detail,remedy\r\nnode,ok,/)
  expect(stdout).toMatch(/^materialized,warn,never materialized: price,provender materialize price\r$/m)
  expect(stderr).toBe('Next: provender materialize price\n')
  const report = (await json(shop.dir, ['doctor'])) as Report
  expect(report.ok).toBe(true)
  expect(report.checks.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['disk', 'metadata', 'freshness', 'runs']),
  )
})

test('doctor ends with 1 where a check fails, also where nothing can be opened', async () => {
  shop.write('features/shop2.yaml', 'entities:\n  customer: { key: nothing }\n')
  const broken = newFolder()
  broken.write('provender.yaml', 'project: Bad Name\n')
  const [invalid, unset, nowhere] = await Promise.all([
    run(shop.dir, ['doctor', '--json']),
    run(broken.dir, ['doctor']),
    run(broken.dir, ['doctor', '--dir', 'nowhere', '--json']),
  ])
  broken.remove()
  const { ok, checks } = documentOf(invalid.stdout) as Report
  expect({
    exit: invalid.exit,
    ok,
    failed: checks.filter(({ status }) => status === 'fail').map(({ name }) => name),
  }).toEqual({
    exit: 1,
    ok: false,
    failed: ['files'],
  })
  expect(unset).toMatchObject({ exit: 1, stdout: expect.stringMatching(/^config,fail,"?.*Bad Name/m) as string })
  expect({ exit: nowhere.exit, ...(documentOf(nowhere.stdout) as object) }).toMatchObject({
    exit: 3,
    code: 'NO_REPOSITORY',
  })
})
