import type { Config } from '../define/config.ts'
import type { LiveSnapshots } from '../definitions/snapshots.ts'
import type { MaterializeDeps } from '../materialize/deps.ts'
import type { Engines } from './engines.ts'

/** Everything that the verbs of an embedded store share. */
export interface Parts extends MaterializeDeps, Pick<Engines, 'registry'> {
  readonly config: Config
  readonly snapshots: LiveSnapshots
  /** Entities or rows of one call, at most. */
  readonly batchRows: number
}
