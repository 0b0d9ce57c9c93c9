import { canonicalJson } from './canonical-json.ts'
import type { z } from 'zod'
import type { Definition } from './definition.ts'
import { compileEntity, compileService, compileSource, compileView } from './compile.ts'
import { type Finding, listNames, suggest } from './finding.ts'
import { entitySchema, isWindowed, type SectionName, serviceSchema, viewSchema } from './grammar.ts'
import { sourceSchemas, type SourceBody, sourceTypes } from './grammar-sources.ts'
import { type Path, valueAt } from './place.ts'
import { readShape, type Shaped, where } from './shape.ts'

/** A definition as written. */
export interface Written {
  readonly section: SectionName
  readonly name: string
  readonly body: unknown
}

/** What became of a definition's body. */
export interface Read {
  readonly definition?: Definition
  readonly findings: readonly Finding[]
  /** Names of features that are not supported yet. */
  readonly reserved?: readonly string[]
}

/** Reads the body of a definition in its section's grammar. */
export function readBody(shaped: Shaped, { section, name, body }: Written): Read {
  switch (section) {
    case 'entities':
      return readEntity(shaped, name, body)
    case 'sources':
      return readSource(shaped, name, body)
    case 'views':
      return readView(shaped, name, body)
    case 'services':
      return compiled(readShape(serviceSchema, body, shaped), (value) => compileService(name, value))
    case 'on_demand': {
      const remedy = 'Leave it out; compute it where the features are read.'
      const detail = `${shaped.subject}: on-demand features are not supported yet`
      const finding: Finding = {
        code: 'UNSUPPORTED',
        part: shaped.part,
        path: shaped.path,
        spot: 'key',
        detail,
        remedy,
      }
      return { definition: Object.freeze({ kind: 'on-demand', name }), findings: [finding] }
    }
  }
}

function compiled<B>(
  read: { readonly value?: B; readonly findings: readonly Finding[] },
  compile: (body: B) => Definition,
): Read {
  return read.value === undefined
    ? { findings: read.findings }
    : { definition: compile(read.value), findings: read.findings }
}

function readEntity(shaped: Shaped, name: string, body: unknown): Read {
  const { value, findings } = readShape(entitySchema, body, shaped)
  if (value === undefined || aboutField(findings, shaped, ['key', 'keys'])) return { findings }
  if (value.key !== undefined && value.keys !== undefined)
    return {
      findings: [problem(shaped, ['keys'], `${shaped.subject} has both \`key\` and \`keys\``, 'Keep one of them.')],
    }
  const definition = compileEntity(name, value)
  if (definition.keys.length === 0) {
    return {
      findings: [
        problem(
          shaped,
          [],
          `${shaped.subject} has no keys`,
          'Write `key: string`, `key: { name: type }` or `keys: { name: type, … }`.',
        ),
      ],
    }
  }
  if (typeof value.key === 'object' && definition.keys.length > 1)
    return {
      findings: [problem(shaped, ['key'], `${shaped.subject} has several keys under \`key\``, 'Write `keys:`.')],
    }
  return { definition, findings }
}

function readSource(shaped: Shaped, name: string, body: unknown): Read {
  if (!isMapping(body)) return { findings: [problem(shaped, [], `${shaped.subject} must be a mapping`)] }
  const type = sourceTypes.find((candidate) => candidate === body['type'])
  if (type === undefined) return { findings: [unknownType(shaped, body['type'])] }
  const schema: z.ZodType<SourceBody> = sourceSchemas[type]
  const { value, findings } = readShape(schema, body, shaped)
  if (value === undefined || aboutField(findings, shaped, ['schema'])) return { findings }
  if ('schema' in value && Object.keys(value.schema).length === 0)
    return {
      findings: [
        ...findings,
        problem(shaped, ['schema'], `${shaped.subject} has no columns`, 'Write `schema: { name: type, … }`.'),
      ],
    }
  if (value.type === 'postgres' && (value.table === undefined) === (value.query === undefined)) {
    return {
      findings: [
        problem(shaped, [], `${shaped.subject} needs either \`table\` or \`query\``, 'Write exactly one of the two.'),
      ],
    }
  }
  return { definition: compileSource(name, value), findings }
}

function unknownType(shaped: Shaped, type: unknown): Finding {
  if (type === undefined)
    return problem(
      shaped,
      [],
      `${shaped.subject} lacks \`type\``,
      `Add \`type:\` with one of: ${listNames(sourceTypes)}.`,
    )
  const text = typeof type === 'string' ? type : canonicalJson(type)
  const detail = `${shaped.subject}: there is no source type "${text}"`
  return { ...problem(shaped, ['type'], detail), spot: 'value', ...suggest(text, sourceTypes, 'types of sources') }
}

/** Whether something is wrong with one of some fields: then nothing else is said of what they declare. */
function aboutField(findings: readonly Finding[], shaped: Shaped, fields: readonly string[]): boolean {
  return findings.some((finding) => fields.includes(String(finding.path[shaped.path.length])))
}

/** Windowed features are answered one by one, and the rest of the view is read as if they were not there. */
function readView(shaped: Shaped, name: string, body: unknown): Read {
  const written = valueAt(body, ['features'])
  const features = isMapping(written) ? written : {}
  const windowed = Object.keys(features).filter((feature) => isWindowed(features[feature]))
  const findings = windowed.map((feature): Finding => {
    const detail = `${where(shaped, ['features', feature])}: windowed features are not supported yet`
    return {
      ...problem(shaped, ['features', feature], detail, 'Compute it in a `sql` source, and declare the column here.'),
      code: 'UNSUPPORTED',
    }
  })
  if (isMapping(written) && Object.keys(features).length === 0)
    findings.push(
      problem(shaped, ['features'], `${shaped.subject} has no features`, 'Write `features: { name: type, … }`.'),
    )
  const rest = Object.fromEntries(Object.entries(features).filter(([feature]) => !windowed.includes(feature)))
  const read = readShape(
    viewSchema,
    windowed.length > 0 && isMapping(body) ? { ...body, features: rest } : body,
    shaped,
    { entities: [], source: '?', features: {} },
  )
  findings.push(...read.findings)
  if (read.value === undefined) return { findings }
  const definition = compileView(name, {
    ...read.value,
    source: isMapping(body) && body['source'] === read.value.source ? read.value.source : '',
  })
  const reserved = Object.keys(features).filter(
    (feature) => !definition.features.some((compiledFeature) => compiledFeature.name === feature),
  )
  return { definition, findings, reserved }
}

/** An INVALID_DEFINITION at a field of a definition. */
export function problem(shaped: Shaped, path: Path, detail: string, remedy?: string): Finding {
  return { code: 'INVALID_DEFINITION', part: shaped.part, path: [...shaped.path, ...path], spot: 'key', detail, remedy }
}

/** Whether a value is a mapping of names. */
export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
