import { onlineStore } from './data/online-store.ts'
import { randomOf } from './harness/http-load.ts'
import { countText } from './harness/report.ts'
import { type Measured, type Scenario, type Size, inTurn, sizeOf } from './harness/scenario.ts'
import { answerBytes, loadFigures, loaded, startDriver, urlOf } from './harness/server-load.ts'
import { SideProcess } from './harness/side-process.ts'

const ours = {
  lookups: new URL('./sides/online-lookups.ts', import.meta.url),
  server: new URL('./sides/online-server.ts', import.meta.url),
}
const baseline = {
  lookups: new URL('./baselines/online-lookups.ts', import.meta.url),
  server: new URL('./baselines/online-server.ts', import.meta.url),
}

const connections = 16

export const scenario: Scenario = {
  about: (size) =>
    `${countText(sizeOf(size, 'entities'))} entities × 10 features in LMDB, at random; GET of one against a constant body, POST of ${sizeOf(size, 'batch')} and look-ups in process against raw LMDB`,
  full: { entities: 1_000_000, batch: 100, requests: 40_000, lookups: 400_000 },
  quick: { entities: 50_000, batch: 100, requests: 4_000, lookups: 40_000 },
  rounds: 5,
  figures: [
    { name: 'in process, one, CPU', unit: 's', goals: [{ of: 'ratio', atMost: 2 }] },
    { name: 'in process, batch, CPU per entity', unit: 's', goals: [{ of: 'ratio', atMost: 1.5 }] },
    { name: 'GET, server CPU', unit: 's', goals: [{ of: 'ratio', atMost: 1.5 }] },
    { name: 'GET, p50', unit: 's' },
    { name: 'GET, p99', unit: 's' },
    { name: 'POST, server CPU', unit: 's', goals: [{ of: 'ratio', atMost: 2 }] },
    { name: 'POST, entities per core', unit: 'entities/s', goals: [{ of: 'ours', atLeast: 200_000 }] },
    { name: 'POST, p50', unit: 's' },
    { name: 'POST, p99', unit: 's' },
  ],
  async start(size) {
    const dir = await onlineStore(sizeOf(size, 'entities'))
    await using owned = new AsyncDisposableStack()
    const server = owned.use(await SideProcess.start(ours.server, { input: { dir } }))
    const bytes = await answerBytes(urlOf(server), sizeOf(size, 'batch'))
    const sides = {
      ours: { server, lookups: owned.use(await SideProcess.start(ours.lookups, { input: { dir } })) },
      baseline: {
        server: owned.use(await SideProcess.start(baseline.server, { input: { dir, ...bytes } })),
        lookups: owned.use(await SideProcess.start(baseline.lookups, { input: { dir } })),
      },
      load: owned.use(await startDriver()),
    }
    const kept = owned.move()
    return { round: (turn) => round(sides, size, turn), [Symbol.asyncDispose]: () => kept.disposeAsync() }
  },
}

interface Side {
  readonly server: SideProcess
  readonly lookups: SideProcess
}

interface Sides {
  readonly ours: Side
  readonly baseline: Side
  readonly load: SideProcess
}

async function round({ ours: us, baseline: them, load: driver }: Sides, size: Size, turn: number) {
  const batch = sizeOf(size, 'batch')
  const figures: Record<string, Measured> = {}
  for (const [name, of] of [
    ['in process, one, CPU', 1],
    ['in process, batch, CPU per entity', batch],
  ] as const) {
    const ids = idsOf(size, turn)
    const cpu = async (side: Side): Promise<number> => {
      await side.lookups.run({ ids: ids.slice(0, ids.length >> 2), batch: of })
      return (await side.lookups.run({ ids, batch: of })).cpuSeconds / ids.length
    }
    figures[name] = await inTurn(
      turn,
      () => cpu(us),
      () => cpu(them),
    )
  }
  for (const [name, of] of [
    ['GET', 1],
    ['POST', batch],
  ] as const) {
    const requests = of === 1 ? sizeOf(size, 'requests') : Math.ceil(sizeOf(size, 'requests') / 4)
    const asked = { requests, connections, batch: of, entities: sizeOf(size, 'entities'), seed: turn + 1 }
    const found = await inTurn(
      turn,
      () => loaded(us.server, driver, asked),
      () => loaded(them.server, driver, asked),
    )
    Object.assign(figures, loadFigures(name, found, asked))
  }
  return figures
}

function idsOf(size: Size, turn: number): number[] {
  const random = randomOf(turn + 1)
  return Array.from({ length: sizeOf(size, 'lookups') }, () => random(sizeOf(size, 'entities')))
}
