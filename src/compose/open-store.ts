import { resolve } from 'node:path'
import type { Store } from '../contract/store.ts'
import { findRepository } from '../definitions/config.ts'
import { loadConfig } from '../definitions/load-files.ts'
import { type Clock, systemClock } from '../kernel/clock.ts'
import { openEngines } from './engines.ts'
import { composeStore } from './store.ts'

/**
 * Opens the store of a feature repository: the folder, or one beneath it. It applies nothing; the registry decides what
 * is defined. `clock` is the domain's time, for tests, demos and replays; `processes`, how many of one server share the machine;
 * `serves`, whether it is that of a server: then every engine is opened now, where else each is opened by the first call that needs it,
 * and what is wrong with it is thrown there; and runs of servers that have ended are gone on with.
 * @throws NO_REPOSITORY; the errors of the configuration; UNSUPPORTED; STORE_UNREACHABLE, CORRUPT_STORE.
 */
export async function openStore(
  target: string,
  options: { readonly clock?: Clock; readonly processes?: number; readonly serves?: boolean } = {},
): Promise<Store> {
  const config = loadConfig(findRepository(resolve(target)))
  const clock = options.clock ?? systemClock
  const { processes = 1, serves = false } = options
  return composeStore(config, await openEngines(config, clock, { processes, eager: serves }), { clock, serves })
}
