import type { Definitions, FeatureDef, ServiceDef, ViewDef } from '../../src/define/definition.ts'
import { resolveView } from '../../src/define/resolved-view.ts'
import type { Snapshot, StoredGeneration, ViewSnapshot } from '../../src/decide/snapshot.ts'
import { noGenerations } from '../../src/decide/generations.ts'
import { must } from '../../src/kernel/assert.ts'
import type { OnlineStore } from '../../src/ports/online.ts'
import type { FeatureType } from '../../src/values/feature-type.ts'
import type { KeyType } from '../../src/values/entity-key.ts'
import { encodeEntityKey } from '../../src/values/entity-key.ts'
import type { Value } from '../../src/values/value.ts'
import { fingerprintOf, rowEncoder, schemaText, tombstoneRow } from '../../src/codecs/packed-row.ts'
import { tombstoneTie } from '../../src/values/order.ts'

/** A view in few words: its join keys (an entity of its own holds them) and its features. */
export interface Sketch {
  readonly name: string
  readonly keys: Readonly<Record<string, KeyType>>
  readonly features: Readonly<Record<string, FeatureType>>
  readonly ttlUs?: bigint
  readonly online?: boolean
}

/** Definitions of sketched views, and of services by what they list. */
export function sketched(
  views: readonly Sketch[],
  services: Readonly<Record<string, readonly string[]>> = {},
): Definitions {
  return {
    entities: new Map(
      views.map((v) => [
        `${v.name}_entity`,
        {
          kind: 'entity',
          name: `${v.name}_entity`,
          keys: Object.entries(v.keys).map(([name, type]) => ({ name, type })),
        },
      ]),
    ),
    sources: new Map([['pushed', { kind: 'source', name: 'pushed', type: 'push', timestamp: 'at', schema: [] }]]),
    views: new Map(views.map((v) => [v.name, viewOf(v)])),
    onDemand: new Map([['risk', { kind: 'on-demand', name: 'risk' }]]),
    services: new Map(
      Object.entries(services).map(([name, features]): [string, ServiceDef] => [
        name,
        { kind: 'service', name, features },
      ]),
    ),
  }
}

function viewOf(sketch: Sketch): ViewDef {
  const features = Object.entries(sketch.features).map(([name, type]): FeatureDef => ({ name, type, column: name }))
  return {
    kind: 'view',
    name: sketch.name,
    entities: Object.keys(sketch.keys).length === 0 ? [] : [`${sketch.name}_entity`],
    source: 'pushed',
    keys: new Map(),
    ttlUs: sketch.ttlUs ?? 0n,
    online: sketch.online ?? true,
    features,
  }
}

/** A snapshot in which each online view serves generation 1 by the definitions; `serving` may be older ones, which then are being rebuilt. */
export function snapshotOf(definitions: Definitions, serving: Definitions = definitions): Snapshot {
  const views = [...definitions.views.values()].map((view): [string, ViewSnapshot] => {
    const generation = (number: bigint, of: Definitions): StoredGeneration => ({
      generation: number,
      revision: number,
      definition: Number(number),
      bornAtMs: 0,
      resolved: resolveView(of, must(of.views.get(view.name), 'the view is there')),
    })
    const answers = view.online && serving.views.has(view.name) ? generation(1n, serving) : null
    const building = answers !== null && serving !== definitions ? generation(2n, definitions) : null
    return [
      view.name,
      {
        name: view.name,
        head: resolveView(definitions, view),
        generations: { ...noGenerations, serving: answers, building },
        serving: answers,
        building,
        replaced: [],
      },
    ]
  })
  return { version: 7, definitions, views: new Map(views) }
}

/** Writes a row of a view's serving generation as ingest would; null values make a tombstone. */
export async function put(
  online: OnlineStore,
  snapshot: Snapshot,
  view: string,
  row: {
    readonly keys: readonly Value[]
    readonly values: readonly (Value | null)[] | null
    readonly event: bigint
    readonly created?: bigint
  },
): Promise<void> {
  const serving = must(snapshot.views.get(view)?.serving, `${view} serves`)
  const { joinKeys, features } = serving.resolved
  const key = must(
    encodeEntityKey(
      joinKeys.map((k) => k.type),
      row.keys,
    ),
    'no key is null',
  )
  const text = schemaText(features)
  const fingerprint = fingerprintOf(text)
  await online.schemas([{ fingerprint, text }])
  const header = {
    revision: serving.revision,
    order: {
      event: row.event,
      created: row.created ?? row.event,
      reading: 0n,
      tie: row.values === null ? tombstoneTie : 0n,
    },
  }
  const packed = row.values === null ? tombstoneRow(header) : rowEncoder(features, fingerprint)(header, row.values)
  await online.write({ view, generation: serving.generation }, [{ key, row: packed }])
}
