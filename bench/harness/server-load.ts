import { servedKey, servedView } from '../data/online-store.ts'
import type { Load } from './http-load.ts'
import type { Measured } from './scenario.ts'
import { type Run, SideProcess, type Usage } from './side-process.ts'

const load = new URL('./http-load.ts', import.meta.url)

/** What a server used while it was asked, and what those who asked have measured. */
export interface Loaded {
  readonly run: Run
  readonly usage: Usage
}

/** What is asked for: entities of the served view. */
export type Asked = Omit<Load, 'url' | 'view' | 'key'>

/** A process that sends requests to servers. */
export const startDriver = (): Promise<SideProcess> => SideProcess.start(load)

/** What a server used for so many requests, once it was warm. */
export async function loaded(server: SideProcess, driver: SideProcess, asked: Asked): Promise<Loaded> {
  const all: Load = { ...asked, url: urlOf(server), view: servedView, key: servedKey }
  await driver.run({ ...all, requests: Math.ceil(all.requests / 4), seed: all.seed + 1000 })
  const { result, usage } = await server.during(() => driver.run(all))
  return { run: result, usage }
}

/** The figures of two servers that were asked for the same: CPU of a request, p50 and p99; of batches also entities per core. */
export function loadFigures(
  name: string,
  found: { readonly ours: Loaded; readonly baseline: Loaded },
  { requests, batch }: Asked,
): Record<string, Measured> {
  const measured = (pick: (each: Loaded) => number): Measured => ({
    ours: pick(found.ours),
    baseline: pick(found.baseline),
  })
  return {
    [`${name}, server CPU`]: measured(({ usage }) => usage.cpuSeconds / requests),
    [`${name}, p50`]: measured(({ run }) => run.figures['p50'] ?? Number.NaN),
    [`${name}, p99`]: measured(({ run }) => run.figures['p99'] ?? Number.NaN),
    ...(batch === 1
      ? {}
      : { [`${name}, entities per core`]: measured(({ usage }) => (requests * batch) / usage.cpuSeconds) }),
  }
}

/** Where a server answers, as its side has told. */
export const urlOf = (side: SideProcess): string => (side.info as { readonly url: string }).url

/** How long the answers of a server are. */
export async function answerBytes(url: string, batch: number): Promise<{ oneBytes: number; batchBytes: number }> {
  const sizeOfAnswer = async (path: string, init?: RequestInit): Promise<number> =>
    (await (await fetch(`${url}${path}`, init)).arrayBuffer()).byteLength
  const entities = Array.from({ length: batch }, (_, id) => ({ [servedKey]: id }))
  return {
    oneBytes: await sizeOfAnswer(`/v1/online/${servedView}?${servedKey}=1`),
    batchBytes: await sizeOfAnswer('/v1/online', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ features: servedView, entities }),
    }),
  }
}
