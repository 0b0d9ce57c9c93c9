import { parseSchemaText, readHeader } from '../../src/codecs/packed-row.ts'
import { rowDecoder } from '../../src/codecs/row-reader.ts'
import { schemaOf } from '../../src/decide/log-rows.ts'
import type { Snapshot } from '../../src/decide/snapshot.ts'
import type { Definitions } from '../../src/define/definition.ts'
import { openMemoryOffline, type MemoryOffline } from '../../src/engines/memory/offline.ts'
import { memoryOnline } from '../../src/engines/memory/online.ts'
import { type MemoryPushLog, memoryPushLog } from '../../src/engines/memory/push-log.ts'
import type { IngestDeps } from '../../src/ingest/deps.ts'
import { must } from '../../src/kernel/assert.ts'
import { manualClock } from '../../src/kernel/clock.ts'
import { readRows } from '../../src/testing/online-rows.ts'
import { encodeEntityKey } from '../../src/values/entity-key.ts'
import { parseInstant } from '../../src/values/instant.ts'
import type { OnlineStore } from '../../src/ports/online.ts'
import type { PushLog } from '../../src/ports/push-log.ts'
import type { Value } from '../../src/values/value.ts'
import { snapshotOf } from './hand-made-snapshot.ts'

/** The instant of a text. */
export const at = (text: string): bigint => must(parseInstant(text), text)

/** Noon of the day on which these tests play. */
export const noon = at('2026-01-01T12:00:00Z')
export const second = 1_000_000n
export const minute = 60n * second

/** An entity's online row, unpacked. */
export interface ReadRow {
  readonly event: bigint
  readonly created: bigint | null
  readonly tombstone: boolean
  readonly revision: bigint
  readonly values: readonly (Value | null)[]
}

/** The ports that ingest writes to. */
export interface BenchEngines {
  readonly log: PushLog
  readonly online: OnlineStore
}

/** Engines, memory's unless given, with ingest's verbs on top, in one process whose registry a test sets. */
export interface IngestBench {
  readonly deps: IngestDeps
  readonly clock: ReturnType<typeof manualClock>
  /** Memory's log; empty where engines were given. */
  readonly log: MemoryPushLog
  readonly offline: MemoryOffline
  /** The registry as the process sees it: what each look answers, the last one for ever. */
  see(...snapshots: Snapshot[]): void
  /** The row of an entity in a generation (absent: the serving one), by the generation's own definition. */
  row(view: string, keys: readonly Value[], generation?: bigint): Promise<ReadRow | null>
}

export function ingestBench(definitions: Definitions, engines?: BenchEngines): IngestBench {
  const clock = manualClock(noon)
  const log = memoryPushLog()
  const online = engines?.online ?? memoryOnline().open()
  const offline = openMemoryOffline(log.open())
  let seen: Snapshot[] = [snapshotOf(definitions)]
  const look = (): Snapshot => must(seen.length > 1 ? seen.shift() : seen[0], 'a snapshot')
  const deps = {
    log: engines?.log ?? log.open(),
    online,
    offline,
    clock,
    snapshots: {
      current: async () => look(),
      lastSeen: async () => look(),
      fresh: async () => look(),
      definitions: async () => definitions,
    },
  }
  return {
    deps,
    clock,
    log,
    offline,
    see: (...snapshots) => {
      seen = snapshots
    },
    async row(view, keys, generation) {
      const found = must((seen.at(-1) ?? look()).views.get(view), view)
      const stored = must(
        [found.serving, found.building, ...found.replaced].find(
          (g) => g !== null && (generation === undefined || g.generation === generation),
        ),
        'the generation',
      )
      const key = must(
        encodeEntityKey(
          stored.resolved.joinKeys.map((k) => k.type),
          keys,
        ),
        'no key is null',
      )
      const [[row = null] = []] = await readRows(online, [
        { space: { view, generation: stored.generation }, keys: [key] },
      ])
      if (row === null) return null
      const { order, tombstone, revision, fingerprint } = readHeader(row)
      // Read as any reader does: by the schema that the store itself keeps for the row.
      const [text] = tombstone ? [schemaOf(stored.resolved)] : await online.schemas([{ fingerprint }])
      return {
        event: order.event,
        created: order.created,
        tombstone,
        revision,
        values: rowDecoder(parseSchemaText(must(text, 'the schema is kept')), stored.resolved.features)(row),
      }
    },
  }
}
