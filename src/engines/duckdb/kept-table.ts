import { ident } from './dialect.ts'

/** Keeps the rows of a query for the rest of the session. */
export const keepTable = (table: string, query: string): string => `CREATE TEMP TABLE ${ident(table)} AS ${query}`

/** The same, in place of what the table held. */
export const replaceTable = (table: string, query: string): string =>
  `CREATE OR REPLACE TEMP TABLE ${ident(table)} AS ${query}`

export const dropTable = (table: string): string => `DROP TABLE ${ident(table)}`
