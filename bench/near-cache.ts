import { readFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fillStore } from './data/online-store.ts'
import { newProject, redisPlace } from './data/servers.ts'
import { countText } from './harness/report.ts'
import { type Measured, type Scenario, type Size, inTurn, sizeOf } from './harness/scenario.ts'
import { redisCpuSeconds } from './harness/server-cpu.ts'
import { type Asked, type Loaded, loadFigures, loaded, startDriver } from './harness/server-load.ts'
import { SideProcess } from './harness/side-process.ts'

const server = new URL('./sides/online-server.ts', import.meta.url)
const connections = 16
/** Of the keys' law, as others take it. */
const skew = 0.99

export const scenario: Scenario = {
  about: (size) =>
    `${countText(sizeOf(size, 'entities'))} entities × 10 features in Redis, by Zipf's law (${skew}), ${connections} connections; a near cache of ${countText(sizeOf(size, 'kept'))} rows, at most 1 s old`,
  full: { entities: 1_000_000, kept: 100_000, batch: 100, requests: 60_000 },
  quick: { entities: 50_000, kept: 5_000, batch: 100, requests: 4_000 },
  rounds: 5,
  figures: ['GET', 'POST'].flatMap((name) => [
    { name: `${name}, server CPU`, unit: 's' },
    { name: `${name}, CPU of Redis`, unit: 's' },
    { name: `${name}, p50`, unit: 's' },
    { name: `${name}, p99`, unit: 's' },
  ]),
  async start(size) {
    await using owned = new AsyncDisposableStack()
    const { url } = owned.use(await redisPlace())
    const dir = await mkdtemp(join(tmpdir(), 'provender-bench-'))
    owned.defer(() => rm(dir, { recursive: true, force: true }))
    const plain = `online: ${url}\n`
    await fillStore(dir, sizeOf(size, 'entities'), `project: ${newProject()}\n${plain}`)
    const off = owned.use(await SideProcess.start(server, { input: { dir } }))
    const file = join(dir, 'provender.yaml')
    const cached = `online: { url: ${url}, nearCache: { maxAgeMs: 1000, entries: ${sizeOf(size, 'kept')} } }\n`
    await writeFile(
      file,
      (await readFile(file, 'utf8')).replace(plain, () => cached),
    )
    const on = owned.use(await SideProcess.start(server, { input: { dir } }))
    const driver = owned.use(await startDriver())
    const kept = owned.move()
    return {
      round: (turn) => round({ on, off, driver, url }, size, turn),
      [Symbol.asyncDispose]: () => kept.disposeAsync(),
    }
  },
}

interface Sides {
  readonly on: SideProcess
  readonly off: SideProcess
  readonly driver: SideProcess
  readonly url: string
}

async function round({ on, off, driver, url }: Sides, size: Size, turn: number): Promise<Record<string, Measured>> {
  const figures: Record<string, Measured> = {}
  for (const [name, batch] of [
    ['GET', 1],
    ['POST', sizeOf(size, 'batch')],
  ] as const) {
    const requests = batch === 1 ? sizeOf(size, 'requests') : Math.ceil(sizeOf(size, 'requests') / 4)
    const asked: Asked = { requests, connections, batch, entities: sizeOf(size, 'entities'), seed: turn + 1, skew }
    const measured = async (side: SideProcess): Promise<Loaded & { readonly redisSeconds: number }> => {
      const before = await redisCpuSeconds(url)
      const found = await loaded(side, driver, asked)
      // With the requests that warmed it up, a quarter of the others.
      return { ...found, redisSeconds: ((await redisCpuSeconds(url)) - before) / 1.25 }
    }
    const found = await inTurn(
      turn,
      () => measured(on),
      () => measured(off),
    )
    Object.assign(figures, loadFigures(name, { ours: found.ours, baseline: found.baseline }, asked), {
      [`${name}, CPU of Redis`]: {
        ours: found.ours.redisSeconds / requests,
        baseline: found.baseline.redisSeconds / requests,
      },
    })
  }
  return figures
}
