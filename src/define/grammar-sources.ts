import { z } from 'zod'
import { columnText, filledText, notes, typeText } from './grammar-texts.ts'

const times = {
  timestamp: columnText.describe('The column of the event time: when the fact was true'),
  created: columnText.optional().describe('The column of the created time: when the row became known'),
}

const schema = z
  .record(columnText, typeText)
  .describe('The columns of a row and their types; the timestamp and created columns need not stand here')

const files = (type: 'parquet' | 'csv', kind: string) =>
  z
    .strictObject({
      type: z.literal(type).describe(`Rows in ${kind} files`),
      path: filledText(`A file, a glob, or a folder of ${kind} files; relative to the repository`),
      ...times,
      ...notes,
    })
    .describe(`${kind} files, read in place`)

/** The grammar of each type of source. */
export const sourceSchemas = {
  parquet: files('parquet', 'Parquet'),
  csv: files('csv', 'CSV'),
  sql: z
    .strictObject({
      type: z.literal('sql').describe('Rows of a query over other sources'),
      sql: filledText('One SELECT over other sources, by name'),
      ...times,
      ...notes,
    })
    .describe('A query over other sources'),
  push: z
    .strictObject({ type: z.literal('push').describe('Rows that arrive by push'), schema, ...times, ...notes })
    .describe('Rows that arrive by push only'),
  postgres: z
    .strictObject({
      type: z.literal('postgres').describe('Rows of a PostgreSQL table or query'),
      table: filledText('A table, with its schema').optional(),
      query: filledText('One SELECT, in place of a table').optional(),
      ...times,
      ...notes,
    })
    .describe('A PostgreSQL table or query'),
  kafka: z
    .strictObject({
      type: z.literal('kafka').describe('Rows of a Kafka topic'),
      topic: filledText('The topic'),
      format: z.literal('json').describe('How messages are written'),
      schema,
      ...times,
      ...notes,
    })
    .describe('A Kafka topic'),
}

export type SourceType = keyof typeof sourceSchemas
export type SourceBody = z.infer<(typeof sourceSchemas)[SourceType]>

export const sourceTypes: readonly SourceType[] = Object.freeze(Object.keys(sourceSchemas) as SourceType[])

/** The grammar of a source of any type. */
export const sourceSchema = z.discriminatedUnion('type', [
  sourceSchemas.parquet,
  sourceSchemas.csv,
  sourceSchemas.sql,
  sourceSchemas.push,
  sourceSchemas.postgres,
  sourceSchemas.kafka,
])
