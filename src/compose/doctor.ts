import { relative } from 'node:path'
import type { DoctorCheck, DoctorReport } from '../contract/store.ts'
import type { Call } from '../kernel/call.ts'
import { limits } from '../kernel/limits.ts'
import { filesFinding, registryFinding, sourcesFinding } from './doctor/definitions.ts'
import { type Finding, check, reportOf, well, worth } from './doctor/finding.ts'
import { machineChecks } from './doctor/machine.ts'
import { onlineServersFinding } from './doctor/online-servers.ts'
import { readersFinding } from './doctor/readers.ts'
import { serverFinding } from './doctor/server.ts'
import { diskFinding, fileSystemFinding, foldersFinding, placesOf } from './doctor/places.ts'
import {
  deadLettersFinding,
  freshnessFinding,
  materializedFinding,
  pushLogFinding,
  runsFinding,
  storedOf,
} from './doctor/views.ts'
import { onlineReaders, onlineServers } from './engines.ts'
import type { Parts } from './parts.ts'

/**
 * Looks at what commonly goes wrong, each check apart: one that cannot be made is a check that failed.
 * @returns the checks in a fixed order: machine, folders, stores, definitions, views.
 */
export async function doctor(parts: Parts, call?: Call): Promise<DoctorReport> {
  const { config, clock } = parts
  // The stores first, and alone: what they are asked after would be counted as their own slowness.
  const stores = await storeChecks(parts, call)
  const places = async (): ReturnType<typeof placesOf> => placesOf(config)
  const snapshot = parts.snapshots.fresh(call)
  const stored = snapshot.then(async (now) => storedOf(parts, now, call ?? {}))
  // Those who wait for them tell what they threw.
  for (const shared of [snapshot, stored]) shared.catch(() => undefined)
  const [machine, folders, views] = await Promise.all([
    Promise.all(machineChecks(config.dir, call)),
    Promise.all([
      check('folders', async () => foldersFinding(await places()), call),
      check('disk', async () => diskFinding(await places()), call),
      check('file-system', async () => fileSystemFinding(await places()), call),
    ]),
    Promise.all([
      check('online-readers', async () => readersFinding(await onlineReaders(config)), call),
      check('online-servers', async (its) => onlineServersFinding(await onlineServers(config, its)), call),
      check('server', async () => serverFinding(config.server), call),
      check('clock', async (its) => clockFinding(parts, its), call),
      check('registry', async () => registryFinding(await snapshot), call),
      check('files', async () => filesFinding(config.dir, await snapshot), call),
      check('sources', async (its) => sourcesFinding(parts.offline, (await snapshot).definitions, its), call),
      check('materialized', async (its) => materializedFinding(parts, await snapshot, its), call),
      check('freshness', async () => freshnessFinding(await stored, await snapshot, clock.now()), call),
      check('push-log', async (its) => pushLogFinding(parts, await stored, its), call),
      check('dead-letters', async (its) => deadLettersFinding(parts, its), call),
      check('runs', async (its) => runsFinding(parts, await snapshot, its), call),
    ]),
  ])
  return reportOf([...machine, ...folders, ...stores, ...views])
}

/** Whether each store answers something small, one after another. */
async function storeChecks(parts: Parts, call: Call | undefined): Promise<DoctorCheck[]> {
  const { config, registry, offline, log, marks } = parts
  const asked: readonly (readonly [name: string, place: string, ask: (call: Call) => Promise<unknown>])[] = [
    ['metadata', placeText(config.dir, config.metadata), async (its) => registry.versions(1, its)],
    [
      'offline',
      placeText(config.dir, config.offline.url),
      async (its) => Promise.all([log.head(its), offline.describe([], new Map(), its)]),
    ],
    ['online', onlinePlace(parts), async (its) => marks.readMarks([someSpace], its)],
  ]
  const checks: DoctorCheck[] = []
  for (const [name, place, ask] of asked)
    checks.push(await check(name, async (its) => answers(place, async () => ask(its)), call))
  return checks
}

/** A store that needs longer for something this small keeps every request waiting. */
const slowMs = 200

/** Whether a store answers, and how soon once it is open. */
async function answers(place: string, ask: () => Promise<unknown>): Promise<Finding> {
  await ask()
  const startedAt = performance.now()
  await ask()
  const ms = performance.now() - startedAt
  const detail = `${place} answers in ${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
  return ms > slowMs
    ? worth(detail, 'See what keeps it busy: a slow disk, a full machine, a far network.')
    : well(detail)
}

const someSpace = Object.freeze({ view: 'doctor', generation: 0n })

/** Whether the newest that the stores hold is not ahead of this process's clock. */
async function clockFinding({ registry, runLog, clock }: Parts, call: Call): Promise<Finding> {
  const [[version], [run]] = await Promise.all([registry.versions(1, call), runLog.runs({ limit: 1 }, call)])
  const newest = [version?.createdAt, run?.queuedAt].reduce<bigint>(
    (latest, each) => (each !== undefined && each > latest ? each : latest),
    0n,
  )
  const aheadUs = newest - clock.now()
  if (aheadUs > aheadAllowedUs)
    return worth(
      `the registry was written ${Number(aheadUs / 1_000_000n)} s ahead of this clock`,
      `Set the clock right: rows more than ${limits.aheadUs / 60_000_000n} min ahead of it are refused.`,
    )
  return well('not behind what the stores hold')
}

const aheadAllowedUs = 1_000_000n

function onlinePlace({ config: { dir, online } }: Parts): string {
  return 'url' in online ? placeText(dir, online.url) : online.cluster.map((url) => placeText(dir, url)).join(', ')
}

/** A place as people name it, without the password of a URL. */
function placeText(dir: string, place: string): string {
  if (place.includes('://')) return place.replace(/\/\/[^@/]*@/, '//…@')
  const within = relative(dir, place)
  return within.startsWith('..') ? place : within
}
