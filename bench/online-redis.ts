import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fillStore } from './data/online-store.ts'
import { newProject, redisPlace } from './data/servers.ts'
import { randomOf } from './harness/http-load.ts'
import { countText } from './harness/report.ts'
import { type Measured, type Scenario, type Size, inTurn, sizeOf } from './harness/scenario.ts'
import { type Asked, answerBytes, loadFigures, loaded, startDriver, urlOf } from './harness/server-load.ts'
import { SideProcess } from './harness/side-process.ts'

const ours = new URL('./sides/online-server.ts', import.meta.url)
const baseline = {
  server: new URL('./baselines/redis-server.ts', import.meta.url),
  lookups: new URL('./baselines/redis-lookups.ts', import.meta.url),
}

const connections = 16

export const scenario: Scenario = {
  about: (size) =>
    `${countText(sizeOf(size, 'entities'))} entities × 10 features in Redis, at random, by ${connections} connections; GET of one against a constant body, POST of ${sizeOf(size, 'batch')} against pipelined HMGETs of the same keys`,
  full: { entities: 1_000_000, batch: 100, requests: 40_000 },
  quick: { entities: 50_000, batch: 100, requests: 4_000 },
  rounds: 5,
  figures: [
    { name: 'GET, server CPU', unit: 's', goals: [{ of: 'ratio', atMost: 1.5 }] },
    { name: 'GET, p50', unit: 's' },
    { name: 'GET, p99', unit: 's' },
    { name: 'POST, keys/s', unit: 'entities/s' },
    {
      name: 'POST, keys/s of a core',
      unit: 'entities/s',
      goals: [
        { of: 'ratio', atLeast: 0.6 },
        { of: 'ours', atLeast: 200_000 },
      ],
    },
    { name: 'POST, against HMGETs behind HTTP, server CPU', unit: 's' },
    { name: 'POST, against HMGETs behind HTTP, p50', unit: 's' },
    { name: 'POST, against HMGETs behind HTTP, p99', unit: 's' },
  ],
  async start(size) {
    await using owned = new AsyncDisposableStack()
    const { url } = owned.use(await redisPlace())
    const project = newProject()
    const dir = await mkdtemp(join(tmpdir(), 'provender-bench-'))
    owned.defer(() => rm(dir, { recursive: true, force: true }))
    await fillStore(dir, sizeOf(size, 'entities'), `project: ${project}\nonline: ${url}\n`)
    const server = owned.use(await SideProcess.start(ours, { input: { dir } }))
    const bytes = await answerBytes(urlOf(server), sizeOf(size, 'batch'))
    const sides = {
      ours: server,
      server: owned.use(await SideProcess.start(baseline.server, { input: { url, project, ...bytes } })),
      lookups: owned.use(await SideProcess.start(baseline.lookups, { input: { url, project } })),
      driver: owned.use(await startDriver()),
    }
    const kept = owned.move()
    return { round: (turn) => round(sides, size, turn), [Symbol.asyncDispose]: () => kept.disposeAsync() }
  },
}

interface Sides {
  readonly ours: SideProcess
  readonly server: SideProcess
  readonly lookups: SideProcess
  readonly driver: SideProcess
}

async function round(sides: Sides, size: Size, turn: number): Promise<Record<string, Measured>> {
  const entities = sizeOf(size, 'entities')
  const asked: Asked = { requests: sizeOf(size, 'requests'), connections, batch: 1, entities, seed: turn + 1 }
  const one = await inTurn(
    turn,
    () => loaded(sides.ours, sides.driver, asked),
    () => loaded(sides.server, sides.driver, asked),
  )
  const batches: Asked = { ...asked, requests: Math.ceil(asked.requests / 4), batch: sizeOf(size, 'batch') }
  const many = await inTurn(
    turn,
    () => loaded(sides.ours, sides.driver, batches),
    async () => ({
      behindHttp: await loaded(sides.server, sides.driver, batches),
      bare: await lookups(sides.lookups, batches),
    }),
  )
  const keys = batches.requests * batches.batch
  const { ours: posts, baseline: raw } = many
  return {
    ...loadFigures('GET', one, asked),
    ...loadFigures('POST, against HMGETs behind HTTP', { ours: posts, baseline: raw.behindHttp }, batches),
    'POST, keys/s': { ours: keys / posts.usage.wallSeconds, baseline: keys / raw.bare.wallSeconds },
    'POST, keys/s of a core': { ours: keys / posts.usage.cpuSeconds, baseline: keys / raw.bare.cpuSeconds },
  }
}

/** The same number of keys, read raw by a process that does nothing else: as many batches under way as there are connections. */
async function lookups(side: SideProcess, { requests, batch, entities, seed }: Asked) {
  const random = randomOf(seed)
  const ids = Array.from({ length: requests * batch }, () => random(entities))
  const reading = { batch, atOnce: connections }
  await side.run({ ...reading, ids: ids.slice(0, ids.length >> 2) })
  return side.run({ ...reading, ids })
}
