/** What one error code means everywhere: over HTTP, as an exit code, and to a retrying caller. */
export interface ErrorRow {
  /** HTTP status. */
  readonly status: number
  /** Exit code of the CLI. */
  readonly exit: number
  /** True where the same call may succeed later without any change. */
  readonly retryable: boolean
  /** A few words, the same for every occurrence. */
  readonly title: string
  /** What to do next, where the occurrence itself knows nothing better. */
  readonly remedy: string
}

const row = (status: number, exit: number, title: string, remedy: string): ErrorRow =>
  Object.freeze({ status, exit, retryable: false, title, remedy })

/** A row of what may go well on another try. */
const passing = (status: number, exit: number, title: string, remedy: string): ErrorRow =>
  Object.freeze({ status, exit, retryable: true, title, remedy })

/** The one error table. docs/reference/errors.md is generated from it. */
export const errorTable = Object.freeze({
  // Definitions and configuration: exit 3.
  SYNTAX_ERROR: row(400, 3, 'The file cannot be parsed', 'Mend the syntax at the place shown.'),
  UNKNOWN_FIELD: row(
    400,
    3,
    'A field that the grammar does not have',
    'Use the nearest right name shown, or remove the field.',
  ),
  INVALID_DEFINITION: row(400, 3, 'A definition is not valid', 'Change the definition at the place shown.'),
  INVALID_NAME: row(
    400,
    3,
    'A name is not allowed',
    'Use a–z, 0–9 and _, starting with a letter, at most 63 characters.',
  ),
  DUPLICATE_NAME: row(400, 3, 'A name is defined twice', 'Rename one of the two.'),
  UNKNOWN_ENTITY: row(
    400,
    3,
    'An entity that does not exist is named',
    'Define the entity, or use the nearest right name shown.',
  ),
  UNKNOWN_SOURCE: row(
    400,
    3,
    'A source that does not exist is named',
    'Define the source, or use the nearest right name shown.',
  ),
  UNKNOWN_VIEW: row(
    400,
    3,
    'A view that does not exist is named',
    'Define the view, or use the nearest right name shown.',
  ),
  UNKNOWN_FEATURE: row(
    400,
    3,
    'A feature that its view does not have is named',
    'Add the feature to the view, or use the nearest right name shown.',
  ),
  UNKNOWN_JOIN_KEY: row(
    400,
    3,
    'A join key that the entities do not have is named',
    'Use a join key of the entities of the view.',
  ),
  MISSING_COLUMN: row(
    400,
    3,
    'A source lacks a column',
    'Name an existing column in `keys:`, `column:`, `timestamp:` or `created:`.',
  ),
  TYPE_MISMATCH: row(
    400,
    3,
    'A source column has another type than declared',
    'Declare the type that the source has, or convert the column in a `sql` source.',
  ),
  SOURCE_UNREADABLE: row(400, 3, 'A source cannot be read', 'Check the path and that the file is complete.'),
  INVALID_CONFIG: row(
    400,
    3,
    'The configuration is not valid',
    'Change provender.yaml or the environment variable at the place shown.',
  ),
  MISSING_VARIABLE: row(400, 3, 'An environment variable is not set', 'Set it, or give a default: ${NAME:-default}.'),
  NO_REPOSITORY: row(
    400,
    3,
    'No feature repository here',
    'Run in a folder with a provender.yaml, pass --dir, or start one: provender init.',
  ),
  UNSUPPORTED: row(400, 3, 'Not supported', 'Leave it out, or use another engine or release.'),
  // Requests: exit 2.
  USAGE: row(400, 2, 'The command line is not right', 'See provender --help.'),
  CONFIRMATION_REQUIRED: row(400, 2, 'A yes is needed and nobody can be asked', 'Pass the flag that is named.'),
  BAD_REQUEST: row(400, 2, 'The request is not valid', 'Change the request at the place shown.'),
  UNKNOWN_MEMBER: row(
    400,
    2,
    'A member that the request does not have',
    'Use the nearest right name shown, or remove the member.',
  ),
  BAD_VALUE: row(400, 2, 'A value does not fit its type', 'Send a value of the declared type.'),
  MISSING_KEY: row(400, 2, 'A join key is missing', 'Send every join key of the entity.'),
  MISSING_TIMESTAMP: row(400, 2, 'A spine row has no timestamp', 'Fill the timestamp column, or drop these rows.'),
  NO_CREATED_COLUMN: row(
    400,
    2,
    'The source has no created column',
    'Declare `created:` for the source (the timestamp column, if rows are known at once).',
  ),
  NAME_COLLISION: row(400, 2, 'Two output columns have one name', 'Use full names, or an alias.'),
  SQL_REFUSED: row(400, 2, 'The SQL is refused', 'Write one SELECT over the sources of the repository.'),
  UNKNOWN_COLUMN: row(
    400,
    2,
    'A column that the target does not have',
    'Use the nearest right name shown, or leave the column out.',
  ),
  NULL_KEY: row(400, 2, 'A join key is null', 'Send a value for every join key.'),
  NULL_TIMESTAMP: row(400, 2, 'The event time is null', 'Send the event time.'),
  FUTURE_TIME: row(400, 2, 'A time lies more than 5 minutes ahead', 'Check the clock and the unit of the sender.'),
  KEY_TOO_LONG: row(400, 2, 'The join keys are longer than 1 KiB', 'Use a shorter key, for example a hash.'),
  NOT_ONLINE: row(400, 2, 'The view is not online', 'Set `online: true`, or push with `to: offline`.'),
  PAYLOAD_TOO_LARGE: row(413, 2, 'The request is too large', 'Split it into smaller ones.'),
  UNSUPPORTED_MEDIA_TYPE: row(
    415,
    2,
    'The content type is not supported',
    'Send one of the types that the detail names.',
  ),
  METHOD_NOT_ALLOWED: row(
    405,
    2,
    'The method is not allowed here',
    'Use one of the methods that the `allow` header names.',
  ),
  // Names: exit 4.
  UNKNOWN_NAME: row(
    404,
    4,
    'The name is unknown',
    'Use the nearest right name shown; provender ls lists what there is.',
  ),
  UNKNOWN_VERSION: row(404, 4, 'The registry has no such version', 'See provender history.'),
  UNKNOWN_RUN: row(404, 4, 'There is no such run', 'See provender runs.'),
  UNKNOWN_ROUTE: row(404, 4, 'There is no such route', 'See /openapi.json or the reference.'),
  // Conflicts: exit 7.
  REGISTRY_CONFLICT: row(409, 7, 'Somebody else applied first', 'Plan again on the version that won.'),
  BREAKING_CHANGE: row(
    409,
    7,
    'The change breaks what is in use',
    'Change the services first, or pass --allow-breaking.',
  ),
  NOT_MATERIALIZED: row(
    409,
    7,
    'The feature is still being built',
    'Run provender materialize, or wait for the run to end.',
  ),
  IDEMPOTENCY_MISMATCH: row(409, 7, 'The idempotency key was used for another body', 'Use a new key for a new body.'),
  RUN_CANCELLED: row(409, 7, 'The run was cancelled', 'Run it again: it resumes from what is covered.'),
  // Stores: exit 5.
  STORE_UNREACHABLE: passing(503, 5, 'A store cannot be reached', 'Check that it runs and try again.'),
  STORE_UNFIT: passing(503, 5, 'A store is not set up for its work', 'Set it up as the detail says.'),
  NOT_REPLICATED: passing(
    503,
    5,
    'Too few replicas have taken a write',
    'Nothing is lost: pushed rows are in the history and come online again. Look at the replicas, or retry with an idempotency key.',
  ),
  STORE_FULL: passing(503, 5, 'A store has no room', 'Free disk space and try again.'),
  OVERLOADED: passing(503, 5, 'The server has too much to do', 'Try again after the seconds that `retry-after` names.'),
  DEADLINE_EXCEEDED: passing(504, 5, 'The deadline has passed', 'Ask for less, or allow more time with x-timeout-ms.'),
  SOURCE_CHANGED: passing(503, 5, 'A source changed while it was read', 'Run it again when the file is complete.'),
  LEASE_LOST: passing(503, 5, 'Another process took the run over', 'Nothing: the other process ends it.'),
  // The rest: exit 1.
  CORRUPT_STORE: row(
    500,
    1,
    'A store holds what cannot be read',
    'Restore it from a backup: docs/guide/operating.md#restore.',
  ),
  CLOSED: row(500, 1, 'The store is closed', 'Open it again.'),
  WORKER_DIED: row(500, 1, 'A worker process died', 'See what it said on stderr, and how much memory there is.'),
  INTERRUPTED: row(500, 130, 'Interrupted', 'Run it again: it resumes.'),
  INTERNAL: row(500, 1, 'A fault in Provender', 'Report it with the request id.'),
} as const satisfies Record<string, ErrorRow>)

/** A code of the one error table. */
export type ErrorCode = keyof typeof errorTable

/** Whether a text is a code of the table. */
export const isErrorCode = (text: string): text is ErrorCode => Object.hasOwn(errorTable, text)
