import { expect, test } from 'vitest'
import type { Child } from './child.ts'
import { compare, expectAllEnded, expectCovered } from './compare.ts'
import { maintainWaits } from './maintainer.ts'
import { type OpenRepository, definitionsOf, epoch, firstVariant, second } from './repository.ts'
import { openSetting } from './setting.ts'

const kills = 4
const generationsReplaced = 2

test(
  `kill -9 of maintenance, ${kills} times while it frees rows: the next one ends what it began, and nothing else is freed`,
  { timeout: 60_000 },
  async () => {
    await using setting = await openSetting(['a', 'b'], { waits: maintainWaits })
    const { opened, history, random } = setting
    await opened.store.apply(definitionsOf(firstVariant))
    await opened.store.materialize('latest')
    const start = (): Child => setting.start('maintainer.ts', String(epoch), random.pick(['dropping', 'dropped']))
    let next = start()
    const landed: string[] = []
    for (let round = 0; round < kills; round++) {
      const child = next
      if (round + 1 < kills) next = start()
      for (let i = 0; i < generationsReplaced; i++) {
        opened.clock.set(opened.clock.now() + second)
        await opened.store.materialize('latest', { repair: true })
      }
      await history.push(opened, { of: 'view', to: 'both', variant: firstVariant, rows: 10 })
      const replaced = await replacedOf(opened)
      expect(replaced.length).toBe(generationsReplaced)
      await child.said((line) => line === 'ready')
      child.tell('go')
      const which = random.int(generationsReplaced)
      const at = random.pick(['dropping', 'dropped'])
      await child.said((_, index) => child.lines.slice(0, index + 1).filter((line) => line === at).length > which)
      await new Promise((resolve) => setTimeout(resolve, random.int(15)))
      expect(await child.kill(), 'the maintainer ended by itself').toBe(true)
      landed.push(child.lines.at(-1) ?? '')
      await opened.store.maintain()
      expect(await replacedOf(opened)).toEqual([])
      for (const generation of replaced) await expectFreed(opened, generation)
      await compare(opened, history, firstVariant)
    }
    await opened.store.materialize('latest')
    await expectCovered(opened)
    await expectAllEnded(opened)
    const within = landed.filter((line) => line === 'dropping' || line === 'dropped')
    console.log(`kills while rows were freed: ${within.length}`)
    expect(within.length).toBeGreaterThanOrEqual(kills / 2)
  },
)

async function replacedOf({ engines }: OpenRepository): Promise<bigint[]> {
  const { value } = await engines.runLog.readState('latest')
  return (value?.generations.replaced ?? []).map(({ generation }) => generation)
}

/** Neither marks nor rows are left of a generation. */
async function expectFreed({ engines }: OpenRepository, generation: bigint): Promise<void> {
  const space = { view: 'latest', generation }
  expect(await engines.marks.readMarks([space])).toMatchObject([{ stamp: null, cursor: null }])
  const everything = { eventBefore: 1n << 62n, revisionUpTo: 1n << 62n, tombstones: true }
  expect(await engines.online.sweep(space, everything)).toEqual({ freed: 0, next: null })
}
