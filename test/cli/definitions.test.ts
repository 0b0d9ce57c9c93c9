import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { documentOf, json, run } from '../support/command-line.ts'
import { type Folder, newFolder, newShop } from './shop.ts'

let shop: Folder
let empty: Folder
beforeAll(() => {
  shop = newShop()
  empty = newFolder()
})
afterAll(() => {
  shop.remove()
  empty.remove()
})

test('init writes both templates, valid as they are, and never over a file', async () => {
  const [flights, small] = await Promise.all([
    json(empty.dir, ['init', 'My Flights']),
    json(empty.dir, ['init', 'small', '--template', 'empty']),
  ])
  expect(flights).toMatchObject({
    dir: join(empty.dir, 'My Flights'),
    files: expect.arrayContaining(['provender.yaml', 'data/flights.parquet']) as string[],
  })
  expect(small).toEqual({
    dir: join(empty.dir, 'small'),
    files: ['provender.yaml', 'features/customers.yaml', 'provender.schema.json', '.gitignore'],
  })
  expect(readFileSync(join(empty.dir, 'My Flights/provender.yaml'), 'utf8')).toMatch(/^project: my-flights$/m)
  const [valid, alsoValid, again] = await Promise.all([
    json(join(empty.dir, 'My Flights/features'), ['validate']),
    run(empty.dir, ['validate', '--dir', 'small']),
    run(empty.dir, ['init', 'small', '--template', 'empty']),
  ])
  expect(valid).toEqual({ ok: true, errors: [] })
  expect(alsoValid).toMatchObject({
    exit: 0,
    stdout: '✓ 1 entity, 1 source, 1 view, 1 service in 2 files: all valid\n',
    stderr: 'Next: provender plan\n',
  })
  expect(existsSync(join(empty.dir, 'small/.provender'))).toBe(false)
  expect(JSON.parse(readFileSync(join(empty.dir, 'small/provender.schema.json'), 'utf8'))).toHaveProperty(
    'properties.views',
  )
  expect(again).toMatchObject({ exit: 2, stdout: '' })
  expect(again.stderr).toContain('already has provender.yaml, features/customers.yaml, provender.schema.json\n')
})

test('every error of the files is shown with its place, the line and the fix', async () => {
  const bad = newFolder()
  bad.write('provender.yaml', 'project: bad\n')
  bad.write(
    'features/a.yaml',
    'entities:\n  airport: { key: string }\nviews:\n  delays:\n    entities: [airprt]\n    source: nothing\n    features: { delay: int33 }\n',
  )
  const [plain, asJson, planned] = await Promise.all([
    run(bad.dir, ['validate']),
    run(bad.dir, ['validate', '--json']),
    run(bad.dir, ['plan', '--json']),
  ])
  bad.remove()
  expect(plain).toMatchObject({ exit: 3, stdout: '' })
  const blocks = plain.stderr.split('\n\n')
  expect(blocks).toHaveLength(4)
  expect(blocks[0]).toMatch(
    /^x UNKNOWN_ENTITY {2}view delays names the entity "airprt".*\n {2}features\/a\.yaml:5:16\n {4}5 \| {5}entities: \[airprt\]\n {4} +\^{6} {2}did you mean "airport"\?\n {2}Fix: .* \(provender explain UNKNOWN_ENTITY\)$/,
  )
  expect(blocks[3]).toBe('3 errors\n')
  const { ok, errors } = documentOf(asJson.stdout) as { ok: boolean; errors: { code: string; at: string }[] }
  expect({ ok, exit: asJson.exit, stderr: asJson.stderr }).toEqual({ ok: false, exit: 3, stderr: '' })
  expect(errors.map(({ code, at }) => [code, at])).toEqual([
    ['UNKNOWN_ENTITY', 'features/a.yaml:5:16'],
    ['UNKNOWN_SOURCE', 'features/a.yaml:6:13'],
    ['INVALID_DEFINITION', 'features/a.yaml:7:24'],
  ])
  expect(planned.exit).toBe(3)
  expect(documentOf(planned.stdout)).toMatchObject({ code: 'UNKNOWN_ENTITY', errors })
})

test('plan and apply: exit codes, a yes, what breaks', async () => {
  const [planned, before] = await Promise.all([run(shop.dir, ['plan', '--exit-code']), run(shop.dir, ['ls'])])
  expect(planned).toMatchObject({ exit: 10, stderr: 'Next: provender apply\n' })
  expect(planned.stdout).toMatch(/^Provender plan {2}shop → registry version 0\n/)
  expect(planned.stdout).toMatch(/^ {2}\+ view +last_purchase +6 features · no ttl · online$/m)
  expect(planned.stdout).toMatch(/^7 to add, 0 to change, 0 to remove$/m)
  expect(before).toMatchObject({ exit: 0, stdout: 'kind,name,description\r\n' })
  expect(before.stderr).toBe('! Nothing has been applied yet. See: provender plan\nNext: provender apply\n')

  const unasked = await run(shop.dir, ['apply', '--json'])
  expect({ exit: unasked.exit, ...(documentOf(unasked.stdout) as object) }).toMatchObject({
    exit: 2,
    code: 'CONFIRMATION_REQUIRED',
    remedy: expect.stringContaining('--yes') as string,
  })
  const applied = await run(shop.dir, ['apply', '--yes', '--message', 'first'])
  expect(applied).toMatchObject({ exit: 0, stdout: 'Applied: the registry is at version 1 (7 changes).\n' })
  expect(applied.stderr).toMatch(/Next: provender materialize\n$/)
  expect(await json(shop.dir, ['apply', '--yes'])).toEqual({ version: 1, changes: [] })

  const text = readFileSync(join(shop.dir, 'features/shop.yaml'), 'utf8')
  shop.write(
    'features/shop.yaml',
    text.replace(
      'note: string, tags: list<string>, at: timestamp }\n  price:',
      'tags: list<string>, at: timestamp }\n  price:',
    ),
  )
  const [breaking, refused, drifted] = await Promise.all([
    run(shop.dir, ['plan', '--exit-code', '--json']),
    run(shop.dir, ['apply', '--yes', '--json']),
    run(shop.dir, ['show', 'price', '--json']),
  ])
  expect(breaking.exit).toBe(11)
  expect(documentOf(breaking.stdout)).toMatchObject({
    version: 1,
    changes: [{ action: 'change', kind: 'view', name: 'last_purchase', breaking: true }],
  })
  expect({ exit: refused.exit, ...(documentOf(refused.stdout) as object) }).toMatchObject({
    exit: 7,
    code: 'BREAKING_CHANGE',
  })
  expect(documentOf(drifted.stdout)).toMatchObject({ name: 'price', ttl: '1d' })
  expect(drifted.stderr).toBe(
    '! The definition files differ from registry version 1, which this command used. See: provender plan\n',
  )
  expect(await json(shop.dir, ['apply', '--yes', '--allow-breaking'])).toMatchObject({ version: 2 })
})

test('ls, show, history, diff, rollback', async () => {
  const [all, views, shown, history, diff, unknown, noKind] = await Promise.all([
    json(shop.dir, ['ls']),
    json(shop.dir, ['ls', 'view']),
    run(shop.dir, ['show', 'model']),
    json(shop.dir, ['history']),
    json(shop.dir, ['diff', '1', '2']),
    run(shop.dir, ['show', 'prize', '--json']),
    run(shop.dir, ['ls', 'feature', '--json']),
  ])
  expect(all).toMatchObject({
    entities: [{ name: 'customer' }, { name: 'shelf' }],
    sources: [{ name: 'prices' }, { name: 'purchases' }],
    views: [{ name: 'last_purchase' }, { name: 'price' }],
    'on-demand': [],
    services: [{ name: 'model' }],
  })
  expect(views).toEqual({
    views: [
      expect.objectContaining({ name: 'last_purchase' }),
      expect.objectContaining({ name: 'price', online: true }),
    ],
  })
  expect(shown).toMatchObject({
    exit: 0,
    stdout: 'name: model\nfeatures:\n  - last_purchase\n  - price:price\n',
    stderr: expect.stringContaining('Next: provender train model') as string,
  })
  expect(history).toMatchObject({
    versions: [
      { version: 2, parent: 1 },
      { version: 1, parent: 0, message: 'first', changes: 7 },
    ],
  })
  expect(diff).toMatchObject({ from: 1, to: 2, changes: [{ action: 'change', name: 'last_purchase' }] })
  expect({ exit: unknown.exit, ...(documentOf(unknown.stdout) as object) }).toMatchObject({
    exit: 4,
    code: 'UNKNOWN_NAME',
    remedy: 'Did you mean price?',
  })
  expect({ exit: noKind.exit, ...(documentOf(noKind.stdout) as object) }).toMatchObject({ exit: 2, code: 'USAGE' })

  const [back, nowhere] = await Promise.all([
    run(shop.dir, ['rollback', '1']),
    run(shop.dir, ['rollback', '17', '--json']),
  ])
  expect(back).toMatchObject({
    exit: 0,
    stdout: expect.stringMatching(
      /\+ features\.note +string[^]*Rolled back: the registry is at version 3, which is equal to version 1\.\n$/,
    ) as string,
  })
  expect({ exit: nowhere.exit, ...(documentOf(nowhere.stdout) as object) }).toMatchObject({
    exit: 4,
    code: 'UNKNOWN_VERSION',
  })
})
