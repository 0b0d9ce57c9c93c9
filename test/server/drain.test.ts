import { connect } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hammer } from '../support/hammer.ts'
import { type ServedShop, look, missing, openServedShop, purchases } from './served-shop.ts'

let shop: ServedShop
beforeAll(async () => {
  shop = await openServedShop()
})
afterAll(() => shop.folder.remove())

describe('SIGTERM under load', () => {
  test.each([
    ['one process', []],
    ['three workers', ['--workers', '3']],
  ])('of %s loses no request and no push', { timeout: 60_000 }, async (_, words) => {
    const server = await shop.serve(...words)
    const pushes = hammer(server.url, 16, purchases())
    const reads = hammer(server.url, 16, () => look(1))
    await expect.poll(() => Math.min(pushes.answered(), reads.answered()), { timeout: 20_000 }).toBeGreaterThan(500)
    server.child.kill('SIGTERM')
    const { exit } = await server.ended
    await setTimeout(100)
    await Promise.all([pushes.stop(), reads.stop()])
    expect([exit, server.said()]).toEqual([0, ''])
    for (const { toll } of [pushes, reads]) {
      expect(toll.broken).toEqual([])
      expect([...toll.statuses.keys()].filter((status) => status !== 200 && status !== 503)).toEqual([])
      // It did end while they hammered.
      expect(toll.refused).toBeGreaterThan(0)
    }
    const again = await shop.serve()
    expect(await missing(again.url, pushes.toll.good)).toEqual([])
    again.child.kill('SIGTERM')
    await again.ended
  })
})

test.each([
  ['one process', []],
  ['two workers', ['--workers', '2']],
])('connections that %s had not accepted yet are served, though it ends', async (_, words) => {
  const server = await shop.serve(...words)
  // As on a machine that others keep busy: the system takes connections for it.
  server.child.kill('SIGSTOP')
  const answers = Array.from({ length: 10 }, async () => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
    socket.write('GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
    return socket.setEncoding('latin1').reduce((text: string, chunk: string) => text + chunk, '')
  })
  const told = Promise.allSettled(answers)
  await setTimeout(100)
  server.child.kill('SIGTERM')
  server.child.kill('SIGCONT')
  expect(
    (await told).map((each) => (each.status === 'fulfilled' ? each.value.slice(9, 12) : String(each.reason))),
  ).toEqual(answers.map(() => '200'))
  expect((await server.ended).exit).toBe(0)
})

/** Whether a connection is taken. */
async function accepts(url: string): Promise<boolean> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  const taken = await new Promise<boolean>((resolve) =>
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false)),
  )
  socket.destroy()
  return taken
}

describe('draining', () => {
  test('says not ready at once, and goes on serving while it waits', async () => {
    const server = await shop.serve('--drain-wait', '2s')
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200)
    server.child.kill('SIGTERM')
    const toldMs = performance.now()
    await expect.poll(async () => (await fetch(`${server.url}/readyz`)).status, { timeout: 1500 }).toBe(503)
    const answer = await fetch(`${server.url}${look(1).path}`)
    expect([answer.status, answer.headers.get('connection')]).toEqual([200, 'keep-alive'])
    expect((await server.ended).exit).toBe(0)
    expect(performance.now() - toldMs).toBeGreaterThan(1900)
  })

  test('answers a request that comes over a connection that idled, as its last', async () => {
    const server = await shop.serve()
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
    let answers = ''
    socket.setEncoding('latin1').on('data', (chunk: string) => (answers += chunk))
    const gone = new Promise((resolve) => socket.on('close', resolve))
    socket.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n')
    await expect.poll(() => answers).toContain('{"ok":true}')
    server.child.kill('SIGTERM')
    // As soon as it accepts no more, which is well within the moment that connections have.
    while (await accepts(server.url)) await setTimeout(2)
    socket.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n')
    await gone
    expect([...answers.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1])).toEqual(['200', '200'])
    expect(answers.split('HTTP/1.1')[2]).toMatch(/connection: close/i)
    expect((await server.ended).exit).toBe(0)
  })

  test('waits for no connection that asks for nothing, nor for one that never asked', async () => {
    const server = await shop.serve()
    const sockets = Array.from({ length: 20 }, () => connect(Number(new URL(server.url).port), '127.0.0.1'))
    sockets.forEach((socket) => socket.on('error', () => undefined))
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.on('connect', resolve))))
    sockets.slice(10).forEach((socket) => socket.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n'))
    await setTimeout(200)
    const startedMs = performance.now()
    server.child.kill('SIGTERM')
    expect((await server.ended).exit).toBe(0)
    expect(performance.now() - startedMs).toBeLessThan(4000)
    sockets.forEach((socket) => socket.destroy())
  })

  test.each([
    ['one process', []],
    ['two workers', ['--workers', '2']],
  ])('of %s ends at once at the second signal', async (_, words) => {
    const server = await shop.serve('--drain-wait', '20s', ...words)
    server.child.kill('SIGTERM')
    await setTimeout(200)
    const startedMs = performance.now()
    server.child.kill('SIGTERM')
    expect((await server.ended).exit).toBe(130)
    expect(performance.now() - startedMs).toBeLessThan(3000)
    await expect(fetch(`${server.url}/livez`)).rejects.toThrow()
  })
})
