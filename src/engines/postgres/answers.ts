import { must } from '../../kernel/assert.ts'
import { checkCall } from '../../kernel/call.ts'
import type { CompiledColumn } from '../../query/block.ts'
import { type Compiled, queryText } from '../../query/compile.ts'
import type { Batch, OwnField } from '../../values/batch.ts'
import { readCopy } from './copy-out.ts'
import { typeName } from './dialect.ts'
import { postgresDialect } from './plan-dialect.ts'
import type { Session } from './session.ts'

/** A query that is ready to be read. */
export interface Question {
  readonly session: Session
  readonly query: string
  readonly fields: readonly OwnField[]
}

/** A compiled plan as a query for some of its columns. `ctes`: what stands before all else. */
export function questionOf(
  { session, ctes }: { readonly session: Session; readonly ctes: readonly string[] },
  compiled: Compiled,
  columns: readonly CompiledColumn[],
): Question {
  const fields = columns.map(({ name, type }) => ({ name, type: must(type, `the column ${name} has a type of ours`) }))
  const typed = columns.map(({ sql }, i) => ({
    sql: `(${sql})::${typeName(fields[i]?.type ?? 'string')}`,
    name: `c${i}`,
  }))
  const query = queryText(postgresDialect, compiled, typed)
  const before = [...ctes, ...compiled.steps.map((step) => step.sql)]
  return { session, fields, query: before.length === 0 ? query : `WITH ${before.join(', ')} ${query}` }
}

/** The rows of a query, as they come; with the last one, or where nobody wants more, its session ends. @throws an error of the table. */
export async function* answersTo({ session, query, fields }: Question): AsyncGenerator<Batch> {
  try {
    for await (const batch of readCopy(session.copyOut(query), fields)) {
      checkCall(session.call)
      yield batch
    }
  } catch (thrown) {
    throw session.failure(thrown)
  } finally {
    await session[Symbol.asyncDispose]()
  }
}
