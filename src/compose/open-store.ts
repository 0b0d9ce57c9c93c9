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
 * `eager` opens every engine now, where else each is opened by the first call that needs it, and what is wrong with it is thrown there.
 * @throws NO_REPOSITORY; the errors of the configuration; UNSUPPORTED; STORE_UNREACHABLE, CORRUPT_STORE.
 */
export async function openStore(
  target: string,
  options: { readonly clock?: Clock; readonly processes?: number; readonly eager?: boolean } = {},
): Promise<Store> {
  const config = loadConfig(findRepository(resolve(target)))
  const clock = options.clock ?? systemClock
  return composeStore(config, await openEngines(config, clock, options), { clock })
}
