import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { documentOf, json, start, type Running } from '../support/command-line.ts'
import { type Folder, newShop } from './shop.ts'

let shop: Folder
beforeAll(async () => {
  shop = newShop()
  await json(shop.dir, ['apply', '--yes'])
})
afterAll(() => shop.remove())

/** What a server prints on stdout before it serves. */
async function ready({ child }: Running): Promise<string> {
  const [chunk] = (await once(child.stdout ?? child, 'data')) as [Buffer]
  return chunk.toString()
}

test('serve says its URL when it is ready, sees what other processes write, and drains on SIGTERM', async () => {
  const server = start(shop.dir, ['serve', '--port', '0', '--json'])
  const { url, project } = documentOf(await ready(server)) as { url: string; project: string }
  expect({ url, project }).toEqual({
    url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) as string,
    project: 'shop',
  })
  expect((await fetch(`${url}/livez`)).status).toBe(200)

  await json(shop.dir, ['push', 'last_purchase', '-'], '{"customer":1,"amount":2.5,"event_timestamp":"2026-01-01"}\n')
  const answer = await fetch(`${url}/v1/online/last_purchase:amount?customer=1`)
  // The command line and the server say the same.
  expect(await answer.json()).toEqual(await json(shop.dir, ['get', 'last_purchase:amount', 'customer=1']))

  server.child.kill('SIGTERM')
  expect(await server.ended).toMatchObject({ exit: 0, stderr: '' })
})

test('serve warns that the files differ, and ends well on Ctrl-C', async () => {
  shop.write('features/more.yaml', 'entities:\n  person: { key: string }\n')
  const server = start(shop.dir, ['serve', '--port', '0'])
  expect(await ready(server)).toMatch(/^Provender serves shop on http:\/\/127\.0\.0\.1:\d+\n$/)
  server.child.kill('SIGINT')
  expect(await server.ended).toMatchObject({
    exit: 0,
    stderr: expect.stringContaining('! The definition files differ from registry version 1') as string,
  })
})
