import type { ColumnDef, SourceDef } from './definition.ts'
import type { Draft } from './draft.ts'
import type { Finding } from './finding.ts'
import { createdColumn, sqlInputs } from './resolved-view.ts'
import { type Checked, findingAt } from './checked.ts'

/** Checks sources: the columns of declared schemas, and cycles of `sql` sources. */
export function checkSources(checked: Checked): Finding[] {
  const schemas = checked.drafts.flatMap((draft) =>
    draft.definition?.kind === 'source' ? checkSchema(draft, draft.definition) : [],
  )
  return [...schemas, ...checkCycles(checked)]
}

/** The declared columns of a source, its time columns included; undefined where the rows themselves say. */
export function declaredColumns(source: SourceDef): readonly ColumnDef[] | undefined {
  if (source.type !== 'push' && source.type !== 'kafka') return undefined
  const times = [source.timestamp, createdColumn(source) ?? source.timestamp]
  const implied = [...new Set(times)].filter((name) => !source.schema.some((column) => column.name === name))
  return [...source.schema, ...implied.map((name): ColumnDef => ({ name, type: 'timestamp' }))]
}

function checkSchema(draft: Draft, source: SourceDef): Finding[] {
  const columns = declaredColumns(source)
  if (columns === undefined) return []
  const findings: Finding[] = []
  const seen = new Map<string, string>()
  for (const { name, type } of columns) {
    const before = seen.get(name.toLowerCase())
    const declared = 'schema' in source && source.schema.some((column) => column.name === name)
    const at = declared ? ['schema', name] : [name === source.timestamp ? 'timestamp' : 'created']
    if (before !== undefined) {
      const detail = `${draft.subject}: the columns "${before}" and "${name}" differ in case only`
      findings.push(findingAt(draft, at, { code: 'NAME_COLLISION', detail, remedy: 'Rename one of the two.' }, 'key'))
    }
    seen.set(name.toLowerCase(), name)
    if (type === 'timestamp' || (name !== source.timestamp && name !== createdColumn(source))) continue
    const role = name === source.timestamp ? 'event time' : 'created time'
    const detail = `${draft.subject}: "${name}" is the column of the ${role} and cannot be of type ${type}`
    findings.push(
      findingAt(draft, at, {
        code: 'INVALID_DEFINITION',
        detail,
        remedy: `Declare it as timestamp, or name another column.`,
      }),
    )
  }
  return findings
}

/** Cycles by what the texts mention, which is what meanings and reads follow; each is found once. */
function checkCycles(checked: Checked): Finding[] {
  const { definitions } = checked
  const inputs = new Map<string, readonly string[]>()
  for (const source of definitions.sources.values()) {
    inputs.set(source.name, source.type === 'sql' ? sqlInputs(definitions, source.name, source.sql) : [])
  }
  const done = new Set<string>()
  const findings: Finding[] = []
  const walk = (name: string, trail: readonly string[]): void => {
    const start = trail.indexOf(name)
    if (start !== -1) {
      findings.push(...cycle(checked, trail.slice(start)))
      return
    }
    if (done.has(name)) return
    for (const input of inputs.get(name) ?? []) walk(input, [...trail, name])
    done.add(name)
  }
  for (const name of inputs.keys()) walk(name, [])
  return findings
}

function cycle(checked: Checked, names: readonly string[]): Finding[] {
  const draft = checked.draft('source', names[0] ?? '')
  if (draft === undefined) return []
  const detail = `sql sources read one another in a circle: ${[...names, names[0]].join(' → ')}`
  const remedy =
    'Every name of a source that a query mentions counts as read: take one out, or rename the column or alias that is called like a source.'
  return [findingAt(draft, ['sql'], { code: 'INVALID_DEFINITION', detail, remedy })]
}
