import type { Definition, Definitions } from './definition.ts'
import { isMapping, problem, readBody, type Written } from './body.ts'
import { byName } from './compile.ts'
import { type Finding, suggest } from './finding.ts'
import { type SectionName, sectionNames } from './grammar.ts'
import { nameText } from './grammar-texts.ts'
import type { Part, Path } from './place.ts'
import { readShape, type Shaped } from './shape.ts'

/** A definition as it stands in a part: by name at least, compiled if its shape is right. */
export interface Draft {
  readonly kind: Definition['kind']
  readonly name: string
  readonly part: Part
  readonly path: Path
  /** `view airport_delays` */
  readonly subject: string
  readonly definition?: Definition
  /** Features that stand there and are not supported yet: nobody is told that they do not exist. */
  readonly reserved: readonly string[]
}

const kinds = Object.freeze({
  entities: 'entity',
  sources: 'source',
  views: 'view',
  on_demand: 'on-demand',
  services: 'service',
} as const)

/** Reads every definition of a part, and what is wrong with the shape of each. */
export function readDrafts(part: Part): { readonly drafts: readonly Draft[]; readonly findings: readonly Finding[] } {
  const { data } = part
  if (data === undefined || data === null) return { drafts: [], findings: [] }
  const root: Shaped = { part, path: [], subject: 'the document' }
  if (!isMapping(data))
    return {
      drafts: [],
      findings: [problem(root, [], 'The document must be a mapping with the sections ' + sectionNames.join(', '))],
    }
  const drafts: Draft[] = []
  const findings: Finding[] = []
  for (const [section, members] of Object.entries(data)) {
    if (!isSection(section)) {
      findings.push({
        code: 'UNKNOWN_FIELD',
        part,
        path: [section],
        spot: 'key',
        detail: `There is no section "${section}"`,
        ...suggest(section, sectionNames, 'sections'),
      })
    } else if (isMapping(members)) {
      for (const [name, body] of Object.entries(members)) {
        const draft = readDraft(
          { part, path: [section, name], subject: `${kinds[section]} ${name}` },
          { section, name, body },
        )
        drafts.push(draft.draft)
        findings.push(...draft.findings)
      }
    } else if (members !== null) {
      findings.push(problem(root, [section], `\`${section}\` must be a mapping of names`))
    }
  }
  return { drafts, findings }
}

function readDraft(shaped: Shaped, written: Written): { readonly draft: Draft; readonly findings: readonly Finding[] } {
  const named = readShape(nameText, written.name, shaped).findings.map((finding): Finding => ({
    ...finding,
    spot: 'key',
    path: shaped.path,
  }))
  const { definition, findings, reserved = [] } = readBody(shaped, written)
  const draft = { ...shaped, kind: kinds[written.section], name: written.name, reserved }
  return {
    draft: Object.freeze(definition === undefined ? draft : { ...draft, definition }),
    findings: [...named, ...findings],
  }
}

/** All drafts that compiled, by kind and name; the first of two with one name. */
export function assemble(drafts: readonly Draft[]): Definitions {
  const of = <K extends Definition['kind']>(kind: K): Extract<Definition, { kind: K }>[] =>
    drafts
      .flatMap(({ definition }) => (definition?.kind === kind ? [definition as Extract<Definition, { kind: K }>] : []))
      .reverse()
  return Object.freeze({
    entities: byName(of('entity')),
    sources: byName(of('source')),
    views: byName(of('view')),
    onDemand: byName(of('on-demand')),
    services: byName(of('service')),
  })
}

const isSection = (text: string): text is SectionName => (sectionNames as readonly string[]).includes(text)
