import { randomBytes } from 'node:crypto'
import { type ProvenderError, fail, isProvenderError } from '../kernel/errors.ts'
import type { FeatureType } from '../values/feature-type.ts'
import { given, newCommand } from './command.ts'
import { counted } from './number-text.ts'
import { pushTypes } from './push-types.ts'
import { Pushing } from './pushing.ts'
import { formatOf, readRows } from './read-rows.ts'
import type { Session } from './session.ts'

const destinations = ['both', 'online', 'offline'] as const

/** Of a key that nobody else makes. */
const keyBytes = 8

/** `push`: rows of a file into a view or a source, in calls of their own that can be resumed. */
export function pushCommand(session: Session) {
  return newCommand('push')
    .description('Write rows to a view, or to a source and so to every view over it.')
    .argument('<target>', 'a view or a source')
    .argument('<file>', 'rows as JSON lines, CSV or Parquet, by the name; - for stdin')
    .option(
      '--to <where>',
      'both, online (no history for training) or offline (online with the next materialization)',
      destinationOf,
    )
    .option('--format <format>', 'jsonl, csv or parquet')
    .option(
      '--idempotency-key <key>',
      'rows pushed with this key in the last 24 h are not pushed again: resumes a push',
    )
    .addHelpText(
      'after',
      `\nExample:\n  echo '{"airport":"ORD","late_rate_3h":0.4,"tick":"2001-06-30T12:00:00Z"}' | provender push airport_delays -`,
    )
    .action(async (target, file, { to, format: named, idempotencyKey }) => {
      const format = formatOf(file, named)
      const key = idempotencyKey ?? randomBytes(keyBytes).toString('hex')
      if (idempotencyKey === undefined) session.resume += ` --idempotency-key ${key}`
      const store = await session.store()
      const types = format === 'csv' ? pushTypes(await session.head(store), target) : new Map<string, FeatureType>()
      const pushing = new Pushing(store, target, {
        ...session.call,
        ...given({ to }),
        form: format === 'jsonl' ? 'json' : 'js',
      })
      try {
        for await (const chunk of readRows({ file, format, types, signal: session.call.signal })) {
          await pushing.push(chunk, key)
          session.kept = `${counted(pushing.kept, 'row')} were pushed and stay`
        }
      } catch (thrown) {
        const mayBeWritten = isProvenderError(thrown) && (pushing.calls > 0 || thrown.retryable)
        throw mayBeWritten ? stopped(thrown, pushing, session.resume) : thrown
      }
      if (pushing.kept === 0 && pushing.refusal !== undefined) throw pushing.refusal
      if (pushing.kept === 0 && pushing.calls === 0)
        throw fail('BAD_REQUEST', `${file === '-' ? 'stdin' : file} holds no rows`)
      const { rejected } = pushing
      await session.print({
        json: pushing.answer(),
        text: () => pushing.text(),
        next:
          rejected.length > 0
            ? `provender dead-letters --source ${target}`
            : to === 'offline'
              ? 'provender materialize'
              : `provender show ${target}`,
      })
    })
}

function destinationOf(text: string): (typeof destinations)[number] {
  const found = destinations.find((each) => each === text)
  if (found === undefined) throw fail('USAGE', `--to is both, online or offline, not "${text}"`)
  return found
}

/** An error after which a part may be written: what was stays, and the rest can be pushed with the same key. */
function stopped(error: ProvenderError, pushing: Pushing, resume: string): ProvenderError {
  const detail =
    pushing.calls === 0 ? error.message : `${error.message} (after ${counted(pushing.kept, 'row')} were pushed)`
  const remedy = `What was pushed stays. When the cause is gone, resume with  ${resume}`
  return fail(error.code, detail, { at: error.at, errors: error.errors, excerpt: error.excerpt, cause: error, remedy })
}
