import { mkdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findRepository, readConfig } from '../../src/definitions/config.ts'
import { loadConfig } from '../../src/definitions/load-files.ts'
import { limitNames, requestLimitsOf, requestLimitTable } from '../../src/define/request-limits.ts'
import { readYaml } from '../../src/define/text.ts'
import { isProvenderError } from '../../src/kernel/errors.ts'
import { folder } from './repository-folder.ts'

type Environment = Readonly<Record<string, string>>
const read = (text: string, environment: Environment = {}): ReturnType<typeof readConfig> =>
  readConfig('/r', readYaml('provender.yaml', text).part, environment)
const failures = (text: string, environment: Environment = {}): string[] =>
  read(text, environment).errors.map((error) => `${error.code} ${error.at ?? '-'} ${error.message}`)

/** Historical reads at once have the cores of the machine, shared by its workers. */
const usualLimits = (workers: number) => requestLimitsOf({}, Math.floor(availableParallelism() / workers))

const defaults = {
  project: 'x',
  dir: '/r',
  metadata: '/r/.provender/metadata.db',
  offline: { url: '/r/.provender/offline', replicas: [] },
  online: { url: '/r/.provender/online' },
  server: { host: '127.0.0.1', port: 6580, workers: 1, sql: false, dataRoots: [], limits: usualLimits(1) },
  auth: 'none',
}

test('`project: x` alone is a configuration', () => {
  expect(read('project: x')).toEqual({ config: defaults, errors: [] })
  expect(Object.isFrozen(read('project: x').config)).toBe(true)
})

test('certificates and keys in urls of PostgreSQL are files of the repository', () => {
  const { config } = read(`
project: x
metadata: postgres://u:p@h/db?sslmode=verify-full&sslrootcert=tls/ca%20one.pem&options=-c%20a%3Db
offline: { url: "postgres://h/db?sslcert=c.pem&sslkey=../k.pem", replicas: ["postgres://r/db?sslrootcert=/etc/ca.pem"] }
`)
  expect(config?.metadata).toBe(
    'postgres://u:p@h/db?sslmode=verify-full&sslrootcert=%2Fr%2Ftls%2Fca%20one.pem&options=-c%20a%3Db',
  )
  expect(config?.offline).toEqual({
    url: 'postgres://h/db?sslcert=%2Fr%2Fc.pem&sslkey=%2Fk.pem',
    replicas: ['postgres://r/db?sslrootcert=%2Fetc%2Fca.pem'],
  })
})

test('all settings, paths made absolute, urls left alone', () => {
  const { config, errors } = read(`
project: my-flights_2
metadata: postgres://u:p@h/db
offline: { url: lake, replicas: [postgres://a, postgres://b] }
online: { cluster: [redis://a:7001, redis://b:7001] }
server: { host: 0.0.0.0, port: 0, workers: 4, sql: true, dataRoots: [../data, /abs] }
auth: none
entities: { airport: { key: string } }
`)
  expect(errors).toEqual([])
  expect(config).toEqual({
    project: 'my-flights_2',
    dir: '/r',
    metadata: 'postgres://u:p@h/db',
    offline: { url: '/r/lake', replicas: ['postgres://a', 'postgres://b'] },
    online: { cluster: ['redis://a:7001', 'redis://b:7001'] },
    server: {
      host: '0.0.0.0',
      port: 0,
      workers: 4,
      sql: true,
      dataRoots: ['/data', '/abs'],
      limits: usualLimits(4),
    },
    auth: 'none',
  })
})

test('variables stand in every value', () => {
  const text =
    'project: ${NAME}\nonline: "redis://${HOST:-localhost}:${PORT:-6379}"\nserver: { port: "${HTTP}", sql: "${SQL:-true}", dataRoots: ["${ROOT}/a"] }'
  const { config, errors } = read(text, { NAME: 'flights', HTTP: '7000', HOST: '', ROOT: '/data' })
  expect(errors).toEqual([])
  expect([config?.project, config?.online, config?.server.port, config?.server.sql, config?.server.dataRoots]).toEqual([
    'flights',
    { url: 'redis://localhost:6379' },
    7000,
    true,
    ['/data/a'],
  ])
  expect(read('project: x\nmetadata: ${A:-}b', { A: '' }).config?.metadata).toBe('/r/b')
})

test('a variable that is missing is named with its line, all at once', () => {
  expect(failures('project: x\nonline: ${A}\noffline: { url: "x/${B}/${C}" }\nmetadata: a${')).toEqual([
    'MISSING_VARIABLE provender.yaml:2:9 The environment variable A is not set',
    'MISSING_VARIABLE provender.yaml:3:17 The environment variable B is not set',
    'MISSING_VARIABLE provender.yaml:3:17 The environment variable C is not set',
    'INVALID_CONFIG provender.yaml:4:11 "a${" holds a ${ that is no variable',
  ])
})

test('the environment overrides every setting', () => {
  const environment = {
    PROVENDER_PROJECT: 'y',
    PROVENDER_METADATA: 'm.db',
    PROVENDER_OFFLINE: 'off',
    PROVENDER_OFFLINE_REPLICAS: 'postgres://a, postgres://b',
    PROVENDER_ONLINE: 'redis://h',
    PROVENDER_SERVER_HOST: '::1',
    PROVENDER_SERVER_PORT: '1',
    PROVENDER_SERVER_WORKERS: '2',
    PROVENDER_SERVER_SQL: 'true',
    PROVENDER_SERVER_DATA_ROOTS: '/a,b',
    PROVENDER_AUTH: 'none',
    PROVENDER_TOKEN: 'of no setting',
  }
  // What is overridden need not be right in the file.
  const { config, errors } = read('project: ${NOT_SET}\nonline: { cluster: [a] }\nserver: { port: 9 }', environment)
  expect(errors).toEqual([])
  expect(config).toEqual({
    ...defaults,
    project: 'y',
    metadata: '/r/m.db',
    offline: { url: '/r/off', replicas: ['postgres://a', 'postgres://b'] },
    online: { url: 'redis://h' },
    server: { host: '::1', port: 1, workers: 2, sql: true, dataRoots: ['/a', '/r/b'], limits: usualLimits(2) },
  })
  expect(read('project: x', { PROVENDER_ONLINE_CLUSTER: 'redis://a,redis://b' }).config?.online).toEqual({
    cluster: ['redis://a', 'redis://b'],
  })
  expect(read('project: x\noffline: lake', { PROVENDER_OFFLINE_REPLICAS: 'postgres://a' }).config?.offline).toEqual({
    url: '/r/lake',
    replicas: ['postgres://a'],
  })
  const told = {
    PROVENDER_ONLINE: 'rediss://h',
    PROVENDER_ONLINE_CA: 'ca.pem',
    PROVENDER_ONLINE_WAIT_REPLICAS: '2',
    PROVENDER_ONLINE_NEAR_CACHE_MAX_AGE_MS: '50',
  }
  expect(read('project: x', told).config?.online).toEqual({
    url: 'rediss://h',
    ca: '/r/ca.pem',
    wait: { replicas: 2, timeoutMs: 100 },
    nearCache: { maxAgeMs: 50, entries: 100_000, megabytes: 64 },
  })
  expect(read('project: x', { PROVENDER_SERVER_PORT: '' }).config).toEqual(defaults)
})

describe('limits of the server', () => {
  const variableOf = (name: string): string =>
    `PROVENDER_SERVER_LIMITS_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`

  test('are those of CONTRACT unless set', () => {
    expect(read('project: x').config?.server.limits).toMatchObject({
      jsonBodyBytes: 16 * 1024 * 1024,
      jsonDepth: 32,
      spineBytes: 1024 ** 3,
      batchRows: 10_000,
      onlineTimeoutMs: 250,
      otherTimeoutMs: 30_000,
    })
    expect(read('project: x\nserver: { workers: 256 }').config?.server.limits.historicalReads).toBe(2)
  })

  test.each(limitNames)('%s is set by the file, by a variable in it, and by the environment', (name) => {
    const { least, most } = requestLimitTable[name]
    const yaml = (value: string | number): string => `project: x\nserver: { limits: { ${name}: ${value} } }`
    expect(read(yaml(least)).config?.server.limits).toEqual({ ...usualLimits(1), [name]: least })
    expect(read(yaml('"${N}"'), { N: String(most) }).config?.server.limits[name]).toBe(most)
    expect(read(yaml(least), { [variableOf(name)]: String(most) }).config?.server.limits[name]).toBe(most)
    const told = `server.limits.${name} must be a whole number from ${least} to ${most}`
    for (const value of [least - 1, most + 1, 1.5])
      expect(failures(yaml(value))).toEqual([`INVALID_CONFIG provender.yaml:2:${23 + name.length} ${told}`])
    expect(failures('project: x', { [variableOf(name)]: 'many' })).toEqual([
      `INVALID_CONFIG - ${told} (set by ${variableOf(name)})`,
    ])
  })

  test('that do not exist are named', () => {
    expect(failures('project: x\nserver: { limits: { jsonBodyByte: 5 } }')).toEqual([
      'UNKNOWN_FIELD provender.yaml:2:21 provender.yaml, server.limits has no field "jsonBodyByte"',
    ])
  })
})

const wrong: [text: string, environment: Environment, ...expected: string[]][] = [
  ['', {}, 'INVALID_CONFIG provender.yaml:1:1 provender.yaml lacks `project`'],
  ['- x', {}, 'INVALID_CONFIG provender.yaml:1:1 provender.yaml must be a mapping'],
  ['project: My Project', {}, 'INVALID_CONFIG provender.yaml:1:10 "My Project" is not a name of a project'],
  ['project: 5', {}, 'INVALID_CONFIG provender.yaml:1:10 provender.yaml, project must be text, not the number 5'],
  [
    'project: x\nstrem: y\nviws: {}',
    {},
    'UNKNOWN_FIELD provender.yaml:2:1 provender.yaml has no field "strem"',
    'UNKNOWN_FIELD provender.yaml:3:1 provender.yaml has no field "viws"',
  ],
  ['project: x\nserver: { prt: 1 }', {}, 'UNKNOWN_FIELD provender.yaml:2:11 provender.yaml, server has no field "prt"'],
  [
    'project: x\nserver: { port: 65536, workers: 0, sql: maybe }',
    {},
    'INVALID_CONFIG provender.yaml:2:17 server.port must be a whole number from 0 to 65535',
    'INVALID_CONFIG provender.yaml:2:33 server.workers must be a whole number from 1 to 256',
    'INVALID_CONFIG provender.yaml:2:41 server.sql must be true or false',
  ],
  [
    'project: x\nserver: { port: 1.5 }',
    {},
    'INVALID_CONFIG provender.yaml:2:17 server.port must be a whole number from 0 to 65535',
  ],
  ['project: x\nstream: kafka://h', {}, 'UNSUPPORTED provender.yaml:2:9 Streams are not supported yet'],
  ['project: x\nauth: { issuer: y }', {}, 'UNSUPPORTED provender.yaml:2:7 Only `auth: none` is supported yet'],
  [
    'project: x\nonline: { cluster: [] }',
    {},
    'INVALID_CONFIG provender.yaml:2:20 provender.yaml, online.cluster: needs at least one node',
  ],
  [
    'project: x\nonline: { url: redis://a, cluster: [redis://a] }',
    {},
    'INVALID_CONFIG provender.yaml:2:9 online has both `url` and `cluster`',
  ],
  [
    'project: x\nonline: { url: folder, wait: {} }',
    {},
    'INVALID_CONFIG provender.yaml:2:30 online.wait is a setting of Redis',
  ],
  [
    'project: x\nonline: { url: redis://a, wait: { replicas: 0 }, nearCache: { maxAgeMs: long, size: 1 } }',
    {},
    'INVALID_CONFIG provender.yaml:2:45 online.wait.replicas must be a whole number from 1 to 16',
    'INVALID_CONFIG provender.yaml:2:73 online.nearCache.maxAgeMs must be a whole number from 1 to 3600000',
    'UNKNOWN_FIELD provender.yaml:2:79 provender.yaml, online.nearCache has no field "size"',
  ],
  ['project: x\nonline: ""', {}, 'INVALID_CONFIG provender.yaml:2:9 provender.yaml, online: must not be empty'],
  [
    'project: x',
    { PROVENDER_SERVER_PORT: 'http' },
    'INVALID_CONFIG - server.port must be a whole number from 0 to 65535 (set by PROVENDER_SERVER_PORT)',
  ],
  [
    'project: x',
    { PROVENDER_STREAM: 'kafka://h' },
    'UNSUPPORTED - Streams are not supported yet (set by PROVENDER_STREAM)',
  ],
]

describe('what is wrong with a configuration', () => {
  test.each(wrong)('%s %s', (text, environment, ...expected) => {
    const { config, errors } = read(text, environment)
    expect(errors.map((error) => `${error.code} ${error.at ?? '-'} ${error.message}`)).toEqual(expected)
    expect(config).toBeUndefined()
  })
})

test('the repository is the nearest folder upwards with a provender.yaml', () => {
  const dir = folder({ 'provender.yaml': 'project: outer', 'inner/provender.yaml': 'project: inner' })
  mkdirSync(join(dir, 'inner/a/b'), { recursive: true })
  expect(findRepository(join(dir, 'inner/a/b'))).toBe(join(dir, 'inner'))
  expect(findRepository(dir)).toBe(dir)
  expect(loadConfig(join(dir, 'inner'), {}).project).toBe('inner')
  const none = folder({ 'x.yaml': '' })
  for (const call of [() => findRepository(none), () => loadConfig(none, {})]) {
    try {
      call()
      expect.unreachable()
    } catch (thrown) {
      expect(isProvenderError(thrown) && thrown.code).toBe('NO_REPOSITORY')
    }
  }
})

test('all errors of a configuration are thrown as one', () => {
  const dir = folder({ 'provender.yaml': 'projct: x\nonline: ${NOT_SET}' })
  try {
    loadConfig(dir, {})
    expect.unreachable()
  } catch (thrown) {
    expect(isProvenderError(thrown) && thrown.errors.map((error) => error.code).sort()).toEqual([
      'INVALID_CONFIG',
      'MISSING_VARIABLE',
      'UNKNOWN_FIELD',
    ])
  }
})
