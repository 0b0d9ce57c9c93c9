import type { Seeded } from '../../src/testing/seeded.ts'
import type { History } from './history.ts'
import { type OpenRepository, type Variant, definitionsOf, second } from './repository.ts'

/** A repository, and what was done to it. */
export interface World {
  readonly opened: OpenRepository
  readonly history: History
  readonly random: Seeded
  variant: Variant
}

/** Something happens to the history, or several things. */
export async function change(world: World, round: number): Promise<void> {
  const { opened, history, random } = world
  opened.clock.set(opened.clock.now() + second)
  const now = opened.clock.now()
  const things: (() => Promise<void> | void)[] = [
    () => history.writeFile(random.pick(history.files), now),
    () => history.writeFile(`new-${round}`, now),
    () => {
      if (history.files.length > 1) history.removeFile(random.pick(history.files))
    },
    () => history.push(opened, { of: 'view', to: 'both', variant: world.variant, rows: 1 + random.int(300) }),
    () => history.push(opened, { of: 'view', to: 'offline', variant: world.variant, rows: 1 + random.int(300) }),
    () =>
      history.push(opened, {
        of: 'source',
        to: random.pick(['both', 'offline']),
        variant: world.variant,
        rows: 1 + random.int(300),
      }),
    () => history.remove(opened),
    async () => {
      world.variant = { wide: random.int(2) === 0, swapped: random.int(2) === 0 }
      await opened.store.apply(definitionsOf(world.variant), { allowBreaking: true })
    },
  ]
  for (const thing of random.shuffle(things).slice(0, 1 + random.int(4))) await thing()
}
