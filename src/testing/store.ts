import type { Law } from './law.ts'
import type { StoreHarness } from './store-bench.ts'
import { storeGenerationLaws } from './store-generations.ts'
import { storeHistoryLaws } from './store-history.ts'
import { storeLifetimeLaws } from './store-lifetime.ts'
import { storeMaterializeLaws } from './store-materialize.ts'
import { storeOnlineLaws } from './store-online.ts'
import { storeRebuildLaws } from './store-rebuild.ts'
import { storeTableLaws } from './store-tables.ts'
import { storeShownLaws } from './store-shown.ts'
import { storeWriteLaws } from './store-writes.ts'

export type { PutBack, StoreHarness, StoreUnderTest } from './store-bench.ts'

/** The laws of a whole store on its engines. */
export const storeLaws: readonly Law<StoreHarness>[] = [
  ...storeMaterializeLaws,
  ...storeRebuildLaws,
  ...storeGenerationLaws,
  ...storeOnlineLaws,
  ...storeShownLaws,
  ...storeHistoryLaws,
  ...storeTableLaws,
  ...storeWriteLaws,
  ...storeLifetimeLaws,
]
