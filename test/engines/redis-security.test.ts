import { randomUUID } from 'node:crypto'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openRedisOnline } from '../../src/engines/redis/online.ts'
import { extraRules, neededRules } from '../../src/engines/redis/permissions.ts'
import { onlineLaws } from '../../src/testing/online.ts'
import { keyed, packed } from '../../src/testing/online-rows.ts'
import { byteList } from '../../src/values/byte-list.ts'
import { type Certificates, makeCertificates } from '../support/certificates.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { freePort } from '../support/server-process.ts'

let certificates: Certificates
let server: RedisServer
let tlsPort: number
/** A password with all that means something in urls. */
const password = 'p@ss/w:rd#1%'
const encoded = encodeURIComponent(password)

beforeAll(async () => {
  certificates = await makeCertificates()
  tlsPort = await freePort()
  const { ca, cert, key } = certificates
  const tls = ['--tls-port', String(tlsPort), '--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', ca]
  server = await startRedis(['--appendonly', 'no', ...tls, '--tls-auth-clients', 'no'])
  const rules = ['reset', 'on', `>${password}`, '-@all', 'resetchannels', ...neededRules]
  await server.ask('ACL', 'SETUSER', 'features', ...rules)
  await server.ask('ACL', 'SETUSER', 'waiting', ...rules, ...extraRules.wait)
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await certificates[Symbol.asyncDispose]()
})

const space = { view: 'secret', generation: 1n }
const row = keyed('k', packed({ event: 1 }, 'a secret value'))

/** What a write to a place throws. */
async function thrownBy(url: string, settings: { readonly ca?: string } = {}): Promise<unknown> {
  await using store = openRedisOnline({ place: { url, ...settings }, project: 'security' })
  return await store.write(space, [row], { deadlineAtMs: Date.now() + 1500 }).then(
    () => 'nothing',
    (thrown: unknown) => thrown,
  )
}

describe('over TLS, as a user that may do only what is needed', () => {
  for (const { law, run } of onlineLaws.filter((each) => !/restored|put back/.test(each.law)))
    test(law, async () => {
      const project = `p${randomUUID()}`
      const place = { url: `rediss://features:${encoded}@localhost:${tlsPort}`, ca: certificates.ca }
      await run({
        open: async () => openRedisOnline({ place, project }),
        backup: async () => {
          throw new Error('It is not needed')
        },
      })
    })
})

test('a server whose certificate nobody vouches for is not spoken to', async () => {
  for (const url of [`rediss://localhost:${tlsPort}`, `rediss://127.0.0.1:${tlsPort}`]) {
    expect(await thrownBy(url)).toMatchObject({
      code: 'STORE_UNREACHABLE',
      message: expect.stringMatching(/certificate/) as string,
      remedy: expect.stringContaining('online.ca') as string,
    })
    expect(await thrownBy(url, { ca: certificates.ca })).toBe('nothing')
  }
  await expect(thrownBy(`rediss://localhost:${tlsPort}`, { ca: '/nowhere/ca.pem' })).rejects.toMatchObject({
    code: 'INVALID_CONFIG',
    message: expect.stringContaining('/nowhere/ca.pem') as string,
  })
})

test('TLS spoken to a server without it, and the other way round, is told', async () => {
  expect(await thrownBy(`rediss://localhost:${server.port}`)).toMatchObject({ code: 'STORE_UNREACHABLE' })
  expect(await thrownBy(`redis://localhost:${tlsPort}`)).toMatchObject({ code: 'STORE_UNREACHABLE' })
})

test('who may not is told what to allow, and no password or value is in what is thrown', async () => {
  await server.ask('ACL', 'SETUSER', 'poor', 'reset', 'on', `>${password}`, '~pv:*', '+info', '+hello', '+evalsha')
  const texts: string[] = []
  const place = `localhost:${server.port}`
  for (const [url, code] of [
    [`redis://features:wrong-${encoded}@${place}`, 'WRONGPASS'],
    [`redis://nobody:${encoded}@${place}`, 'WRONGPASS'],
    [`redis://poor:${encoded}@${place}`, 'The user executing the script'],
    [`redis://features:${encoded}@localhost:1`, 'ECONNREFUSED'],
  ] as const) {
    const thrown = await thrownBy(url)
    expect(thrown).toMatchObject({ code: 'STORE_UNREACHABLE', message: expect.stringContaining(code) as string })
    texts.push(inspect(thrown, { depth: 20, showHidden: true }))
  }
  for (const url of [
    `redis://u:12/${password}@${place}`,
    `redis://u:12#${password}@h`,
    `redis://u:%zz${encoded}@h`,
    'http://u:p@h',
  ])
    try {
      openRedisOnline({ place: { url }, project: 'security' })
      texts.push(`${url} was taken`)
    } catch (thrown) {
      expect(thrown).toMatchObject({ code: 'INVALID_CONFIG' })
      texts.push(inspect(thrown, { depth: 20, showHidden: true }))
    }
  for (const text of texts)
    for (const secret of [password, encoded, 'w:rd', 'a secret value', 'was taken'])
      expect(text.includes(secret), text).toBe(false)
  expect(texts[2]).toContain('+evalsha_ro')
})

test('a password that is changed is asked for again: nothing has to be started anew', async () => {
  await server.ask('ACL', 'SETUSER', 'changing', 'reset', 'on', '>first', '-@all', ...neededRules)
  const url = `redis://changing:second@localhost:${server.port}`
  await using store = openRedisOnline({ place: { url }, project: 'security' })
  const write = async (): Promise<unknown> => store.write(space, [row], { deadlineAtMs: Date.now() + 1500 })
  await expect(write()).rejects.toMatchObject({ message: expect.stringContaining('WRONGPASS') as string })
  await server.ask('ACL', 'SETUSER', 'changing', '>second')
  await write()
})

test('who waits for replicas needs one permission more', async () => {
  const wait = { replicas: 1, timeoutMs: 10 }
  const write = async (user: string): Promise<unknown> => {
    const url = `redis://${user}:${encoded}@localhost:${server.port}`
    await using store = openRedisOnline({ place: { url, wait }, project: 'security' })
    return await store.write(space, [row], { acknowledged: true, deadlineAtMs: Date.now() + 1500 })
  }
  await expect(write('waiting')).rejects.toMatchObject({ code: 'NOT_REPLICATED', retryable: true })
  await expect(write('features')).rejects.toMatchObject({ message: expect.stringContaining('NOPERM') as string })
})

test('who keeps rows near needs a few permissions more; without them nothing is kept', async () => {
  await server.ask('ACL', 'SETUSER', 'near', 'reset', 'on', `>${password}`, '-@all', 'resetchannels', ...neededRules)
  await server.ask('ACL', 'SETUSER', 'near', ...extraRules.nearCache)
  const nearCache = { maxAgeMs: 60_000, entries: 10, megabytes: 1 }
  const isNear = async (user: string): Promise<boolean> => {
    const url = `rediss://${user}:${encoded}@localhost:${tlsPort}`
    await using store = openRedisOnline({ place: { url, ca: certificates.ca, nearCache }, project: 'security' })
    const read = () => store.read([{ space, keys: byteList([row.key]) }])
    const untilMs = performance.now() + 500
    while (performance.now() < untilMs) {
      const found = read()
      if (!(found instanceof Promise)) return true
      await found
    }
    return false
  }
  expect(await isNear('near')).toBe(true)
  expect(await isNear('features')).toBe(false)
})
