import { z } from 'zod'
import { configSchema } from '../define/grammar-config.ts'
import { sectionSchemas } from '../define/grammar.ts'

/**
 * The JSON schema (draft-07) of provender.yaml and of the files of definitions, for editors. Descriptions become hovers.
 * What is reserved until it is built does not stand in it, so that editors mark it.
 */
export function editorSchema(): Readonly<Record<string, unknown>> {
  const file = z.strictObject({ ...configSchema.shape, ...sectionSchemas })
  const schema = z.toJSONSchema(file, { target: 'draft-7', io: 'input', unrepresentable: 'any' })
  return { title: 'Provender: provender.yaml and features/**/*.yaml', ...schema }
}

/** The schema as the text of its file. */
export const editorSchemaText = (): string => `${JSON.stringify(editorSchema(), null, 2)}\n`
