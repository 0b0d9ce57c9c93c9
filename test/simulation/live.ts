import { watchServing } from './never-blank.ts'
import { type Step, take } from './steps.ts'
import { type World, definitionsOf, firstVariant } from './world.ts'

/** Lives through a history; after every step, what is served has not gone blank. */
export async function live(world: World, steps: readonly Step[], path: string): Promise<void> {
  // A file that is never touched tells what columns the source has.
  await world.writeFile('z', [])
  await world.store.apply(definitionsOf(firstVariant, path))
  const check = watchServing(world)
  for (const step of steps) {
    world.clock.set(world.clock.now() + 1n)
    await take(world, step, path)
    await check(step)
  }
}
