import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'

const root = join(import.meta.dirname, '../..')
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8')

interface Service {
  readonly build?: { readonly dockerfile: string }
  readonly entrypoint?: readonly string[]
  readonly command?: readonly string[]
  readonly volumes?: readonly string[]
  readonly depends_on?: Readonly<Record<string, object>>
  readonly environment?: Readonly<Record<string, string>>
}

// Docker is not there to run it; what it names has to be.
test('compose.yaml, its nginx and its image agree with each other and with what is in the repository', () => {
  const { services, volumes } = parse(textOf('compose.yaml'), { merge: true }) as {
    readonly services: Readonly<Record<string, Service>>
    readonly volumes: object
  }
  const all = Object.entries(services)
  const ours = all.filter(([, { build }]) => build !== undefined)
  expect(ours.map(([name]) => name)).toEqual(['prepare', 'api-1', 'api-2'])
  for (const [, { build }] of ours) expect(existsSync(join(root, build?.dockerfile ?? ''))).toBe(true)
  for (const [, { depends_on: needs = {} }] of all)
    for (const name of Object.keys(needs)) expect(Object.keys(services)).toContain(name)
  const mounted = all.flatMap(([, service]) => service.volumes ?? []).map((each) => each.split(':')[0] ?? '')
  for (const each of mounted)
    expect(each.startsWith('./') ? existsSync(join(root, each)) : Object.hasOwn(volumes, each), each).toBe(true)
  // nginx leads to the API processes, and they listen where it leads.
  const upstream = [...textOf('deploy/nginx.conf').matchAll(/^ +server (\S+):(\d+) /gm)].map(([, host, port]) => [
    host,
    port,
  ])
  expect(upstream).toEqual([
    ['api-1', '6580'],
    ['api-2', '6580'],
  ])
  for (const name of ['api-1', 'api-2'])
    expect(services[name]?.command?.slice(0, 3)).toEqual(['serve', '--host', '0.0.0.0'])
  // The settings of the repository are given, all of them.
  const variables = [...textOf('examples/flights/provender.production.yaml').matchAll(/\$\{(\w+)/g)].map(
    ([, name]) => name,
  )
  expect(variables.length).toBeGreaterThan(0)
  for (const [, { environment = {} }] of ours) expect(Object.keys(environment)).toEqual([...new Set(variables)])
})

test('the image takes what is in the repository', () => {
  const copied = [...textOf('deploy/Dockerfile').matchAll(/^COPY (?:--\S+ )*(?!\/tmp)(\S+) \S+$/gm)].map(
    ([, path]) => path ?? '',
  )
  expect(copied).toEqual(['.', 'examples/flights/provender.production.yaml'])
  for (const path of copied) expect(existsSync(join(root, path))).toBe(true)
})
