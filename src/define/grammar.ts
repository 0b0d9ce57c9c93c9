import { z } from 'zod'
import { sourceSchema } from './grammar-sources.ts'
import { columnText, duration, filledText, keyTypeText, nameText, notes, typeText } from './grammar-texts.ts'

/** The grammar of an entity. */
export const entitySchema = z
  .strictObject({
    key: z
      .union([keyTypeText, z.record(nameText, keyTypeText)])
      .optional()
      .describe('The one join key: its type, or its own name and type'),
    keys: z.record(nameText, keyTypeText).optional().describe('Several join keys: names and types'),
    ...notes,
  })
  .describe('A thing that features describe')

const featureSchema = z.union([
  typeText,
  z.strictObject({
    type: typeText,
    column: columnText.optional().describe("The source column, where it is not called by the feature's name"),
    description: notes.description,
  }),
])

/** The grammar of a feature view. */
export const viewSchema = z
  .strictObject({
    entities: z.array(z.string()).describe('The entities it describes; none for one global row'),
    source: filledText('The source of its rows'),
    keys: z.record(z.string(), columnText).optional().describe('Join key: source column, only where the names differ'),
    ttl: duration('How long a value is good for after its event time; absent or 0 = no limit').optional(),
    online: z.boolean().optional().describe('Whether it is served online; true unless said'),
    freshness: duration('The freshness promised; monitoring checks it').optional(),
    lateness: duration('How far back an incremental run looks for late rows where it cannot know better').optional(),
    features: z.record(nameText, featureSchema).describe('Feature: type, or type and column'),
    ...notes,
  })
  .describe('Named, typed columns of entities from one source')

/** The grammar of a feature service. */
export const serviceSchema = z
  .strictObject({
    features: z
      .union([z.string(), z.array(z.string()).min(1, 'needs at least one feature')])
      .describe(
        'Feature references: view, view:feature, view@alias, view@alias(join_key=column,…), with an optional :feature',
      ),
    ...notes,
  })
  .describe('The features that one model reads')

/** The grammar of the sections of a file of definitions. */
export const sectionSchemas = {
  entities: z.record(nameText, entitySchema).optional().describe('Entities by name'),
  sources: z.record(nameText, sourceSchema).optional().describe('Sources by name'),
  views: z.record(nameText, viewSchema).optional().describe('Feature views by name'),
  services: z.record(nameText, serviceSchema).optional().describe('Feature services by name'),
}

/** The sections that a file of definitions may have, in the order of the wire form. */
export const sectionNames = Object.freeze(['entities', 'sources', 'views', 'on_demand', 'services'] as const)
export type SectionName = (typeof sectionNames)[number]

/** Words that make a feature a windowed one; reserved until those are built. */
const windowWords: ReadonlySet<string> = new Set([
  'window',
  'hop',
  'exact',
  'count',
  'sum',
  'mean',
  'min',
  'max',
  'var',
  'std',
  'first',
  'last',
  'first_n',
  'last_n',
  'top_k',
  'distinct',
  'quantile',
])

/** Whether a feature's body is that of a windowed feature. */
export function isWindowed(body: unknown): boolean {
  return (
    typeof body === 'object' &&
    body !== null &&
    !Array.isArray(body) &&
    Object.keys(body).some((word) => windowWords.has(word))
  )
}

export type EntityBody = z.infer<typeof entitySchema>
export type ViewBody = z.infer<typeof viewSchema>
export type ServiceBody = z.infer<typeof serviceSchema>
