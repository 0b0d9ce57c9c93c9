import { failAll } from '../kernel/errors.ts'
import { formatDuration } from '../values/duration.ts'
import type {
  ColumnDef,
  Definition,
  Definitions,
  EntityDef,
  FeatureDef,
  Notes,
  SourceDef,
  ViewDef,
  WireDefinitions,
} from './definition.ts'
import { assemble, readDrafts } from './draft.ts'
import { toErrors } from './finding.ts'
import { jsonPart } from './place.ts'

export { canonicalJson } from './canonical-json.ts'

/**
 * The wire form: the YAML grammar as JSON. One set of definitions has one wire form: names are sorted, fields have a
 * fixed order, defaults are left out. Join keys, columns and features keep the order they were declared in, which counts.
 */
export function toWire(definitions: Definitions): WireDefinitions {
  return Object.freeze({
    entities: section(definitions.entities),
    sources: section(definitions.sources),
    views: section(definitions.views),
    on_demand: section(definitions.onDemand),
    services: section(definitions.services),
  })
}

/**
 * The definitions of a wire form that was made by `toWire`. What definitions say of one another is not checked again.
 * @throws the errors of definitions when a body has not the shape of the grammar.
 */
export function fromWire(wire: WireDefinitions): Definitions {
  const part = jsonPart(wire)
  const { drafts, findings } = readDrafts(part)
  const wrong = findings.filter((finding) => finding.code !== 'UNSUPPORTED' || finding.path[0] !== 'on_demand')
  if (wrong.length > 0) throw failAll(toErrors([part], wrong))
  return assemble(drafts)
}

/** The wire form of one definition, without its name. */
export function toWireBody(definition: Definition): Readonly<Record<string, unknown>> {
  switch (definition.kind) {
    case 'entity':
      return frozen({ ...entityBody(definition), ...notes(definition) })
    case 'source':
      return frozen({
        ...sourceBody(definition),
        timestamp: definition.timestamp,
        created: definition.created,
        ...notes(definition),
      })
    case 'view':
      return frozen({ ...viewBody(definition), ...notes(definition) })
    case 'service':
      return frozen({ features: Object.freeze([...definition.features]), ...notes(definition) })
    case 'on-demand':
      return frozen({})
  }
}

/** The one text of definitions, for fingerprints and for telling whether two are equal. */
export const wireText = (definitions: Definitions): string => JSON.stringify(toWire(definitions))

function section(definitions: ReadonlyMap<string, Definition>): Readonly<Record<string, unknown>> {
  const sorted = [...definitions.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  return frozen(Object.fromEntries(sorted.map((definition) => [definition.name, toWireBody(definition)])))
}

function entityBody({ name, keys }: EntityDef): object {
  const [only] = keys
  if (keys.length !== 1 || only === undefined) return { keys: named(keys) }
  return { key: only.name === name ? only.type : named(keys) }
}

function sourceBody(source: SourceDef): object {
  switch (source.type) {
    case 'parquet':
    case 'csv':
      return { type: source.type, path: source.path }
    case 'sql':
      return { type: source.type, sql: source.sql }
    case 'push':
      return { type: source.type, schema: named(source.schema) }
    case 'postgres':
      return { type: source.type, table: source.table, query: source.query }
    case 'kafka':
      return { type: source.type, topic: source.topic, format: source.format, schema: named(source.schema) }
  }
}

function viewBody(view: ViewDef): object {
  const time = (us: bigint | undefined): string | undefined => (us === undefined ? undefined : formatDuration(us))
  return {
    entities: Object.freeze([...view.entities]),
    source: view.source,
    keys: view.keys.size === 0 ? undefined : sortedRecord(view.keys),
    ttl: view.ttlUs === 0n ? undefined : time(view.ttlUs),
    online: view.online ? undefined : false,
    freshness: time(view.freshnessUs),
    lateness: time(view.latenessUs),
    features: frozen(Object.fromEntries(view.features.map((feature) => [feature.name, featureBody(feature)]))),
  }
}

function featureBody({ name, type, column, description }: FeatureDef): unknown {
  if (column === name && description === undefined) return type
  return frozen({ type, column: column === name ? undefined : column, description })
}

function notes({ description, owner, tags }: Notes): object {
  return { description, owner, tags: tags === undefined ? undefined : sortedRecord(tags) }
}

const named = (columns: readonly ColumnDef[]): unknown =>
  frozen(Object.fromEntries(columns.map(({ name, type }) => [name, type])))

const sortedRecord = (map: ReadonlyMap<string, string>): unknown =>
  frozen(Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1))))

/** The members that are there, frozen. */
function frozen(members: object): Readonly<Record<string, unknown>> {
  return Object.freeze(Object.fromEntries(Object.entries(members).filter(([, member]) => member !== undefined)))
}
