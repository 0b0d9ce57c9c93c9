import { settingVariables } from '../../src/definitions/config-variables.ts'
import { editorSchema } from '../../src/definitions/json-schema.ts'
import { code, generatedFrom, page, tableOf } from './markdown.ts'
import { type FieldRow, type Schema, fieldsOf } from './schema-fields.ts'

/** The reference page of provender.yaml and of the files of definitions, from the grammar and its descriptions. */
export function yamlPage(): string {
  const { properties = {} } = editorSchema() as Schema
  const sections = ['entities', 'sources', 'views', 'services']
  const config = Object.fromEntries(Object.entries(properties).filter(([name]) => !sections.includes(name)))
  return page(
    '# YAML',
    generatedFrom('src/define/grammar*.ts'),
    introduction,
    '## Configuration: `provender.yaml`',
    configuration,
    tableOf(['setting', 'type', '', 'environment'], settingRows({ properties: config })),
    '## Definitions: `provender.yaml` and `features/**/*.{yaml,yml}`',
    definitions,
    ...sections.flatMap((name) => section(name, properties[name] ?? {})),
    '## Reserved',
    reserved,
  )
}

const introduction = `A feature repository is a folder with a \`provender.yaml\`. Editors check these files by
[the JSON schema](provender.schema.json), which \`provender init\` writes beside them. \`provender validate\` checks them
whole: all errors of all files at once, each with its place. The same definitions in TypeScript: [TypeScript](typescript.md).

This is a repository in one file. Save it as \`provender.yaml\`:

\`\`\`yaml provender.yaml
project: flights
server: { port: "\${PORT:-6580}" }

entities:
  airport: { key: string }                                  # the key is named as the entity
  route: { keys: { origin: string, destination: string } }  # several keys

sources:
  landings: { type: csv, path: data/landings.csv, timestamp: landed_at, created: loaded_at }
  hourly:
    type: sql
    sql: select origin, date_trunc('hour', landed_at) + interval 1 hour as at, avg(delay) as mean_delay from landings group by all
    timestamp: at
  taps: { type: push, schema: { card_id: int64, amount: float64 }, timestamp: tapped_at }

views:
  airport_delays:
    description: How late flights out of an airport have lately been
    owner: ops-ml
    tags: { tier: gold }
    entities: [airport]
    source: hourly
    keys: { airport: origin }                               # the source calls it by another name
    ttl: 2d
    freshness: 1h
    lateness: 6h
    features:
      mean_delay: float64
      latest: { type: float64, column: mean_delay, description: The same under another name }

services:
  delay_model: { features: [airport_delays] }
\`\`\`

\`\`\`sh
provender validate
\`\`\``

const configuration = `Only \`project\` has to be there. Unless set, \`metadata\` is \`.provender/metadata.db\`, \`offline\` is
\`.provender/offline\`, \`online\` is \`.provender/online\`, and the server is one process on 127.0.0.1:6580. Paths are relative to the folder. Every value may hold
\`\${NAME}\` or \`\${NAME:-default}\`; a variable that is not set and has no default is an error that names it. Each setting has
an environment variable that overrides it; lists are split at commas. A variable that begins with \`PROVENDER_\` and matches
no setting is ignored, and \`provender doctor\` names it.`

function settingRows(schema: Schema): string[][] {
  return fieldsOf(schema, (name) => name).map((row) => [
    code(row.path),
    row.type,
    aboutOf(row),
    settingVariables.has(row.path) ? code(settingVariables.get(row.path) ?? '') : '',
  ])
}

/** Descriptions say "a number, or a variable" for hovers; the text above says it once. */
const aboutOf = ({ about }: FieldRow): string =>
  about.replace(/; (?:a number|true, false), or a variable$/, '').replace(/^(.)/, (letter) => letter.toUpperCase())

const definitions = `Names (of definitions, features and join keys) are a–z, 0–9 and _, start with a letter, and have at most 63 characters.
Views and services share one namespace. Durations are a whole number and a unit: \`90s\`, \`5m\`, \`3h\`, \`2d\`, \`4w\`.

| type | a value |
|---|---|
| \`bool\` | true or false |
| \`int32\`, \`int64\` | a whole number, every digit exact |
| \`float32\`, \`float64\` | a number, \`NaN\`, ±\`Infinity\` |
| \`string\` | text, at most 1 MiB |
| \`bytes\` | base64 on the wire, at most 1 MiB |
| \`timestamp\` | an instant in microseconds, UTC; RFC 3339 on the wire |
| \`list<T>\` | of one of these, at most 65,536 elements, null elements allowed |
| \`vector<n>\` | n float32, no nulls |

Join keys have any of the scalar types but floats. Source columns may be of a narrower type than declared: int8, int16 and
int32 → int64, uint8 and uint16 → int32, uint32 → int64, float32 → float64, int32 → float64, date → timestamp,
decimal(≤ 18, 0) → int64. Anything else is \`TYPE_MISMATCH\`.`

const subjects: Readonly<Record<string, string>> = Object.freeze({
  entities: 'entities.<name>',
  sources: 'sources.<name>',
  views: 'views.<name>',
  services: 'services.<name>',
})

function section(name: string, schema: Schema): string[] {
  const body = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : {}
  const choices = body.oneOf ?? [body]
  return choices.flatMap((choice) => {
    const type = choice.properties?.['type']?.const
    const heading = `${subjects[name] ?? name}${typeof type === 'string' ? ` of type ${type}` : ''}`
    return [
      `### ${code(heading)}`,
      `${choice.description ?? ''}.${typeof type === 'string' && unbuilt.has(type) ? ' Not built yet: `UNSUPPORTED`.' : ''}`,
      tableOf(
        ['field', 'type', '', ''],
        fieldsOf(choice, (ref) => ref).map((row) => [
          code(row.path),
          row.type,
          row.required ? 'required' : '',
          aboutOf(row),
        ]),
      ),
    ]
  })
}

/** Types of sources that have a grammar and no engine. */
const unbuilt: ReadonlySet<string> = new Set(['postgres', 'kafka'])

const reserved = `Windowed features (\`{ mean: delay, window: 3h }\`), \`on_demand\`, \`stream\`, any \`auth\` but \`none\`, sources of type
\`postgres\` and \`kafka\`, and stores at \`postgres://\` and \`redis://\` are words of the grammar that are not built yet:
\`UNSUPPORTED\`, with the place.`
