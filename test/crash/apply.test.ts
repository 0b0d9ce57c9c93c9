import { expect, test } from 'vitest'
import { readDefinitions } from '../../src/define/read-definitions.ts'
import { toWire } from '../../src/define/wire.ts'
import type { Seeded } from '../../src/testing/seeded.ts'
import { definitionsOfVersion, variantOf } from './applier.ts'
import { type Child, spreadOf } from './child.ts'
import { compare, expectAllEnded, expectCovered } from './compare.ts'
import type { History } from './history.ts'
import { crashWaits } from './materializer.ts'
import { type OpenRepository, second } from './repository.ts'
import { openSetting } from './setting.ts'

const rounds = 6
const appliersAtOnce = 2

test(
  `kill -9 of ${rounds * appliersAtOnce} appliers: versions are whole, generations agree with them, the next apply and run work`,
  { timeout: 120_000 },
  async () => {
    await using setting = await openSetting(['a'], { waits: crashWaits })
    const { opened, history, random } = setting
    const startPair = (): Child[] =>
      Array.from({ length: appliersAtOnce }, () => setting.start('applier.ts', String(opened.clock.now())))
    let waiting = startPair()
    const told = new Set<number>()
    const landed: string[] = []
    let head = 0
    for (let round = 0; round < rounds; round++) {
      const appliers = waiting
      if (round + 1 < rounds) waiting = startPair()
      for (const lines of await killAll(appliers, random)) {
        landed.push(lines.at(-1)?.split(' ')[0] ?? 'nothing')
        for (const line of lines) if (line.startsWith('applied ')) told.add(Number(line.slice(8)))
      }
      head = await expectWhole(opened, told, head)
      // What was committed by a process that could not tell any more.
      for (let version = 1; version <= head; version++) told.add(version)
      head = await goOn(opened, history, head + 1)
      told.add(head)
    }
    for (let version = 1; version <= head; version++) await expectVersion(opened, version)
    const { within, met } = spreadOf(landed, points)
    expect(within).toBeGreaterThanOrEqual(10)
    expect(met).toBeGreaterThanOrEqual(2)
  },
)

/** Within an apply, which ends with `applied`. */
const points: readonly string[] = ['applying', 'born', 'committing', 'committed']

/** Lets appliers apply side by side and kills one after the other; answers what each has said. */
async function killAll(appliers: readonly Child[], random: Seeded): Promise<(readonly string[])[]> {
  const slow = random.shuffle(points)
  for (const [i, child] of appliers.entries()) child.tell(JSON.stringify({ at: slow[i], ms: 20 }))
  for (const [i, child] of appliers.entries()) {
    const atLeast = random.int(30)
    const anywhere = random.int(3) === 0
    await child.said((line, index) => index > atLeast && (anywhere || line.startsWith(slow[i] ?? '')))
    await new Promise((resolve) => setTimeout(resolve, random.int(10)))
    expect(await child.kill(), 'the applier ended by itself').toBe(true)
  }
  return appliers.map((child) => child.lines)
}

/** Every version holds what its applier meant by it; one at most for each killed process was not told; all generations are what the head needs. */
async function expectWhole(opened: OpenRepository, told: ReadonlySet<number>, seen: number): Promise<number> {
  const { store, engines } = opened
  const versions = (await store.versions({ limit: 10_000 })).map((each) => each.version).toReversed()
  const head = versions.at(-1) ?? 0
  expect(versions).toEqual(Array.from({ length: head }, (_, i) => i + 1))
  expect([...told].filter((version) => version > head)).toEqual([])
  expect(versions.filter((version) => !told.has(version)).length).toBeLessThanOrEqual(appliersAtOnce)
  for (const version of versions) if (version > seen) await expectVersion(opened, version)
  const { generations } = (await engines.registry.snapshot())?.snapshot ?? {}
  const latest = generations?.get('latest')?.value
  expect(latest).toBeDefined()
  if (latest === undefined) return head
  const defined = variantOf(head) !== null
  expect([latest.serving !== null, latest.removedAtMs === null]).toEqual([defined, defined])
  const named = [latest.serving, latest.building, ...latest.replaced].filter((each) => each !== null)
  expect(new Set(named.map((each) => each.generation)).size).toBe(named.length)
  expect(named.filter(({ definition }) => definition > head || variantOf(definition) === null)).toEqual([])
  const target = latest.building ?? latest.serving
  if (target !== null) expect(variantOf(target.definition)).toEqual(variantOf(head))
  const marks = await engines.marks.readMarks(named.map(({ generation }) => ({ view: 'latest', generation })))
  expect(
    marks.filter(({ stamp, cursor }) => stamp === null || cursor === null),
    'a generation is born before it is named',
  ).toEqual([])
  return head
}

async function expectVersion({ store }: OpenRepository, version: number): Promise<void> {
  const { definitions } = await store.registry(version)
  expect(definitions).toEqual(toWire(readDefinitions(definitionsOfVersion(version)).definitions))
}

/** The next apply works, and where there is a view, so do a push and a run, after which it serves what history says. */
async function goOn(opened: OpenRepository, history: History, version: number): Promise<number> {
  opened.clock.set(opened.clock.now() + 10n * second)
  expect(await opened.store.apply(definitionsOfVersion(version), { allowBreaking: true })).toMatchObject({ version })
  const variant = variantOf(version)
  if (variant === null) return version
  await history.push(opened, { of: 'view', to: 'both', variant, rows: 20 })
  await opened.store.materialize('latest')
  await compare(opened, history, variant)
  await expectCovered(opened)
  await expectAllEnded(opened)
  return version
}
