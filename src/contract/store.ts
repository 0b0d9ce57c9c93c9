import type { Problem } from '../kernel/errors.ts'
import type { Definitions, WireDefinitions } from '../define/definition.ts'
import type { Batch, Field } from '../values/batch.ts'

/** An instant as people give it: a `Date` (milliseconds only), RFC 3339 text, or microseconds. */
export type InstantLike = Date | string | bigint

/** What one value of an online answer is. */
export type Status = 'PRESENT' | 'NULL_VALUE' | 'NOT_FOUND' | 'OUTSIDE_MAX_AGE'

/** A value as the SDK gives it: int64 as number (a guard throws outside the safe range) or bigint, instants as `Date` or bigint, on request. */
export type SdkValue = boolean | number | bigint | string | Uint8Array | Date | readonly SdkValue[] | null

/** Choices about how exact values come out. Defaults: `number` and `date`. */
export interface Exactness {
  readonly int64?: 'number' | 'bigint'
  readonly instants?: 'date' | 'micros'
}

/** What every call may carry. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined
  /** The call ends with DEADLINE_EXCEEDED after this long. */
  readonly timeoutMs?: number | undefined
}

/** How values are written: as users of the SDK pass them, strictly as wire JSON (parsed without loss), or keys as the text of a URL. */
export type ValueForm = 'js' | 'json' | 'text'

/** Choices of an online read. */
export interface OnlineOptions extends CallOptions, Exactness {
  /** How the values of entities are written; `js` unless said. */
  readonly form?: ValueForm
  readonly fullNames?: boolean
  /** Also give values older than their ttl; their status stays OUTSIDE_MAX_AGE. */
  readonly includeExpired?: boolean
}

/** Rows of an online read; the array holds one object per entity, in request order; the rest is positional. */
export interface OnlineRows<Row = Readonly<Record<string, SdkValue>>> extends ReadonlyArray<Row> {
  /** Output names, in reference order. */
  readonly features: readonly string[]
  /** View names or aliases, in order of first use. */
  readonly views: readonly string[]
  /** The fields of an entity and their types, in order of first use. */
  readonly keyFields: readonly { readonly name: string; readonly type: string }[]
  /** `statuses[i][j]`: of entity i's feature j. */
  readonly statuses: readonly (readonly Status[])[]
  /** `eventTimes[i][k]`: of entity i's row of view k in microseconds; null where there is no row. */
  readonly eventTimes: readonly (readonly (bigint | null)[])[]
  /** `exact[i][j]`: of entity i's feature j, exact (int64 and instants as bigint, bytes as Uint8Array). */
  readonly exact: readonly (readonly unknown[])[]
  /** The wire types of the features. */
  readonly types: readonly string[]
  readonly registryVersion: number
}

/** How an online answer is written: as that of `GET /v1/online/…` for one entity, or as that of `POST /v1/online`. */
export interface OnlineTextOptions extends CallOptions, Pick<OnlineOptions, 'form' | 'fullNames' | 'includeExpired'> {
  readonly as: 'one' | 'batch'
  readonly include?: readonly ('eventTimes' | 'types')[]
}

/** An online answer as the JSON text that is sent, and what was counted in it. */
export interface OnlineText {
  readonly text: string
  readonly entities: number
  readonly features: number
  /** One for each reading of a view. */
  readonly views: readonly OnlineCounts[]
}

/** How many values of a view an answer gives, by status. */
export interface OnlineCounts {
  readonly view: string
  readonly present: number
  readonly nullValue: number
  readonly notFound: number
  readonly expired: number
  /** Of the first row that there is: now less its event time. */
  readonly ageSeconds: number | null
}

/** A spine: rows, columns, a file, a query over the sources. A plain array is rows. */
export type Spine =
  | readonly Readonly<Record<string, unknown>>[]
  | { readonly rows: readonly Readonly<Record<string, unknown>>[] }
  | { readonly columns: Readonly<Record<string, readonly unknown[]>> }
  | { readonly parquet: string }
  | { readonly csv: string }
  | { readonly ndjson: string }
  | { readonly sql: string }

/** Choices of a training set. */
export interface HistoricalOptions extends CallOptions {
  /** The spine's timestamp column; `event_timestamp` if there is one, else the only column of type timestamp. */
  readonly timestamp?: string
  readonly fullNames?: boolean
  /** Only what was known at the spine row's own instant. */
  readonly knownBy?: 'spine'
  /** Only what was known at this instant. */
  readonly asOf?: InstantLike
  readonly registryVersion?: number
}

/** Which rows of a view are read, and as known when. */
export interface EventsOptions extends CallOptions {
  readonly start: InstantLike
  readonly end: InstantLike
  readonly asOf?: InstantLike
  readonly fullNames?: boolean
}

/** At which instant the rows of a view are read, and as known when. */
export interface SnapshotOptions extends CallOptions {
  readonly at: InstantLike
  readonly asOf?: InstantLike
  readonly fullNames?: boolean
  readonly includeExpired?: boolean
}

/** The rows of a historical read. Read it once, by one of its methods; dispose it when it is not read to its end. */
export interface Table<Row = Readonly<Record<string, SdkValue>>> extends AsyncDisposable {
  readonly fields: readonly Field[]
  /** What the reader should know, such as sources with files written after `asOf`. */
  readonly notes: readonly string[]
  /** Streams exact batches. */
  batches(): AsyncIterable<Batch>
  rows(exactness?: Exactness): Promise<Row[]>
  columns(exactness?: Exactness): Promise<Record<string, SdkValue[]>>
  /** Each writes the file (whole or not at all) and answers the number of rows. */
  toParquet(path: string): Promise<number>
  toCsv(path: string): Promise<number>
  toNdjson(path: string): Promise<number>
}

/** One difference between two registry versions and what follows from it. */
export interface Change {
  readonly action: 'add' | 'change' | 'remove'
  readonly kind: 'entity' | 'source' | 'view' | 'on-demand' | 'service'
  readonly name: string
  readonly breaking: boolean
  readonly fields?: readonly { readonly path: string; readonly from?: unknown; readonly to?: unknown }[]
  /** One sentence: what it means for stored values and for who uses it. */
  readonly consequence: string
}

/** The changes that a plan shows, or that an apply or rollback made. */
export interface Plan {
  /** Plan: the version compared with. Apply: the new one, or the old where nothing changed. */
  readonly version: number
  readonly changes: readonly Change[]
}

/** The terms of a plan, apply or rollback. */
export interface ApplyOptions extends CallOptions {
  /** Refuse unless this is the head. */
  readonly parentVersion?: number
  readonly allowBreaking?: boolean
  readonly message?: string
}

/** What a materialization covers; incremental up to now unless something is said. */
export interface MaterializeOptions extends CallOptions {
  readonly start?: InstantLike
  readonly end?: InstantLike
  /** A duration: start = now − since. */
  readonly since?: string
  readonly repair?: boolean
  /** Called as a run proceeds. */
  readonly onProgress?: (progress: RunProgress) => void
}

/** How a run proceeds. */
export interface RunProgress {
  readonly run: string
  readonly view: string
  readonly phase: 'waiting' | 'reading' | 'writing' | 'catching-up' | 'switching' | 'done'
  /** Rows written so far. */
  readonly rows: number
  /** How much is done, 0–1; null until that is known. It never goes back, and is 1 only at the end. */
  readonly fraction: number | null
  readonly rowsPerSecond: number
}

/** A materialization of one view, as it stands; instants are RFC 3339 text. `interval` is `[start, end)`; null: from the beginning. */
export interface Run {
  readonly id: string
  readonly kind: 'materialize'
  readonly view: string
  readonly state: 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled'
  readonly interval: readonly [string | null, string]
  readonly rows: number
  readonly written: number
  readonly superseded: number
  readonly skipped: number
  readonly startedAt: string | null
  readonly seconds: number
  readonly notes: readonly string[]
  /** How a running one stood when that was last recorded: every second, as its rows are. */
  readonly progress?: RunProgress
  readonly error?: { readonly code: string; readonly detail: string }
}

/** Where pushed rows go, and how a retry is recognised. */
export interface PushOptions extends CallOptions {
  readonly to?: 'both' | 'online' | 'offline'
  /** How values are written; `js` unless said. */
  readonly form?: 'js' | 'json'
  readonly idempotencyKey?: string
}

/** From when on an entity is deleted. */
export interface DeleteOptions extends CallOptions {
  /** When it was deleted; unless said the later of now and the newest event time stored. */
  readonly at?: InstantLike
  /** How the keys are written; `js` unless said. */
  readonly form?: ValueForm
}

/** What became of pushed rows: each is in one of the three. A superseded row is older than what is served, and still history. */
export interface PushAnswer {
  readonly accepted: number
  readonly superseded: number
  readonly rejected: readonly { readonly row: number; readonly code: string; readonly detail: string }[]
}

/** A row that was refused. */
export interface DeadLetterEntry {
  readonly id: string
  readonly at: string
  readonly source: string
  /** As it was sent. */
  readonly row: unknown
  readonly code: string
  readonly detail: string
}

/** A version of the registry. */
export interface VersionEntry {
  readonly version: number
  readonly parent: number
  readonly createdAt: string
  readonly author: string
  readonly message?: string
  readonly changes: number
}

/** One thing that `doctor` looked at. */
export interface DoctorCheck {
  /** Short and the same in every report: `disk`, `push-log`. */
  readonly name: string
  /** `warn`: worth a look. `fail`: something does not work. */
  readonly status: 'ok' | 'warn' | 'fail'
  readonly detail: string
  /** What to do about it, where something is to be done. */
  readonly remedy?: string
}

/** What `doctor` found, each name once; `ok` unless a check failed. */
export interface DoctorReport {
  readonly ok: boolean
  readonly checks: readonly DoctorCheck[]
}

/** The kinds that `list` and `show` know, as they stand in a URL. */
export type ListKind = 'entities' | 'sources' | 'views' | 'on-demand' | 'services'

/** What `show` and `list` say of a thing: its wire definition with its name, and for views what is stored of it. */
export type Described = Readonly<Record<string, unknown>> & { readonly name: string }

/** A definition, or the name of one, or a feature reference. */
export type Named = string | { readonly name: string }

/** Hears what a store in this process does, as it happens. Each call must be cheap and must not throw. */
export interface StoreObserver {
  /** An operation of the online store took so long. */
  readonly stored: (store: string, op: string, seconds: number) => void
  /** A materialization that this process ran has ended. */
  readonly ran: (run: Run) => void
  /** Rows were pushed to a view or a source that there is; how many became what. */
  readonly pushed: (
    target: string,
    counts: { readonly accepted: number; readonly superseded: number; readonly rejected: number },
  ) => void
}

/** How a view stands that is served online. Instants and durations are microseconds. */
export interface ViewStanding {
  readonly view: string
  /** Its source, where that is pushed to. */
  readonly pushSource: string | null
  /** The newest event time that is served; null where nothing is. */
  readonly newestEvent: bigint | null
  /** 0 where there is no limit. */
  readonly ttlUs: bigint
  /** The promise that it declares. */
  readonly freshnessUs: bigint | null
  /** What was pushed until then is online; now, where nothing waits. */
  readonly caughtUpTo: bigint
  /** When its last good materialization ended. */
  readonly lastSuccess: bigint | null
}

/** What a store in this process tells of itself to whoever counts. */
export interface Telemetry {
  /** Tells from now on, until what it answers is disposed. */
  observe(observer: StoreObserver): Disposable
  standing(options?: CallOptions): Promise<readonly ViewStanding[]>
}

/**
 * The store, embedded or remote: every verb of Provender. Definitions go in as `Definitions`, as the wire form, or as an
 * array of builder values. Errors are `ProvenderError`s with a code of the one table. Closing an embedded store gives up runs that wait,
 * lets those that have begun go on for 3 s and then stops them: they end as cancelled, and the next run goes on from there.
 */
export interface Store extends AsyncDisposable {
  readonly project: string
  /** Only of a store in this process: a remote one has its server's /metrics. */
  readonly telemetry?: Telemetry
  /** Checks definitions; nothing is read or written. All their errors at once. */
  validate(definitions: DefinitionsLike, options?: CallOptions): Promise<{ ok: boolean; errors: readonly Problem[] }>
  /**
   * What an apply would change, and what follows from it.
   * @throws the errors of the definitions, MISSING_COLUMN and TYPE_MISMATCH of their sources.
   */
  plan(definitions: DefinitionsLike, options?: ApplyOptions): Promise<Plan>
  /**
   * Makes definitions the next version of the registry: they replace all that is there. Equal ones change nothing.
   * @throws as `plan`; BREAKING_CHANGE unless allowed; REGISTRY_CONFLICT where another version is the head by now.
   */
  apply(definitions: DefinitionsLike, options?: ApplyOptions): Promise<Plan>

  /**
   * A training set: for each row of the spine, in its order, the features as they were known at its timestamp.
   * @throws UNKNOWN_NAME, MISSING_KEY, MISSING_TIMESTAMP, NAME_COLLISION, NO_CREATED_COLUMN, BAD_VALUE.
   */
  historical(features: Named | readonly Named[], spine: Spine, options?: HistoricalOptions): Promise<Table>
  /** Every row with an event time in `[start, end)`, by keys, then in the Order. */
  events(features: Named | readonly Named[], options: EventsOptions): Promise<Table>
  /** The latest row of each entity at an instant. */
  snapshot(features: Named | readonly Named[], options: SnapshotOptions): Promise<Table>

  /**
   * The newest values of entities: `rows[i]` answers `entities[i]`.
   * @throws UNKNOWN_NAME, MISSING_KEY, NOT_ONLINE, NOT_MATERIALIZED, BAD_VALUE.
   */
  online(
    features: Named | readonly Named[],
    entities: readonly Readonly<Record<string, unknown>>[],
    options?: OnlineOptions,
  ): Promise<OnlineRows>
  /** What a server of this store sends; only of a store in this process. At once where all is at hand, also what it throws. */
  readonly onlineText?: (
    features: Named | readonly Named[],
    entities: readonly Readonly<Record<string, unknown>>[],
    options: OnlineTextOptions,
  ) => OnlineText | Promise<OnlineText>
  /** Starts runs (all online views, or those named) and waits for their end. A failed run throws after all have ended. */
  materialize(views?: Named | readonly Named[], options?: MaterializeOptions): Promise<Run[]>
  /** Starts runs and answers at once. */
  startMaterialize(views?: Named | readonly Named[], options?: MaterializeOptions): Promise<Run[]>
  /** Materializations, newest first. */
  runs(
    query?: { readonly view?: string; readonly state?: Run['state']; readonly limit?: number },
    options?: CallOptions,
  ): Promise<Run[]>
  /**
   * One materialization.
   * @throws UNKNOWN_RUN.
   */
  run(id: string, options?: CallOptions): Promise<Run>
  /**
   * Ends a materialization; what it has covered stays. One that has ended stays as it is.
   * @throws UNKNOWN_RUN.
   */
  cancelRun(id: string, options?: CallOptions): Promise<Run>

  /**
   * Appends rows to the history of a view or source, durable when answered, and writes them online. Bad rows are rejected and kept as dead letters; with `idempotencyKey` a retry within 24 h gets the first answer.
   * @throws UNKNOWN_NAME, NOT_ONLINE, IDEMPOTENCY_MISMATCH; the error of the first row where none is good.
   */
  push(target: Named, rows: readonly Readonly<Record<string, unknown>>[], options?: PushOptions): Promise<PushAnswer>
  /** Deletes one entity of a view from an instant on: a tombstone, in history and online. `deleted`: whether a row was there. */
  delete(view: Named, keys: Readonly<Record<string, unknown>>, options?: DeleteOptions): Promise<{ deleted: boolean }>
  /** Rows that were refused, oldest first; `next` goes into `after`. */
  deadLetters(
    query?: { readonly source?: string; readonly limit?: number; readonly after?: string },
    options?: CallOptions,
  ): Promise<{ deadLetters: readonly DeadLetterEntry[]; next?: string }>
  /** Pushes refused rows again: those that are good now leave the list. */
  replayDeadLetters(
    query?: { readonly ids?: readonly string[]; readonly source?: string },
    options?: CallOptions,
  ): Promise<{ replayed: number; accepted: number; rejected: number }>

  /**
   * A version of the registry with its definitions; the newest unless named.
   * @throws UNKNOWN_VERSION.
   */
  registry(version?: number, options?: CallOptions): Promise<VersionEntry & { readonly definitions: WireDefinitions }>
  /** The versions of the registry, newest first. */
  versions(options?: CallOptions & { readonly limit?: number }): Promise<VersionEntry[]>
  /**
   * What differs between two versions; the second is the newest unless named.
   * @throws UNKNOWN_VERSION.
   */
  diff(
    from: number,
    to?: number,
    options?: CallOptions,
  ): Promise<{ from: number; to: number; changes: readonly Change[] }>
  /** Makes an old version the newest one, as a new version by the rules of `apply`. */
  rollback(version: number, options?: ApplyOptions): Promise<Plan>
  /** What is defined of a kind, by name; views with what is stored of them. */
  list(kind: ListKind, options?: CallOptions): Promise<Described[]>
  /**
   * One of a kind.
   * @throws UNKNOWN_NAME.
   */
  show(kind: ListKind, name: string, options?: CallOptions): Promise<Described>

  /** Copies file sources into an offline store that cannot read files in place; nothing to do where it can. */
  load(
    sources?: readonly string[],
    options?: CallOptions,
  ): Promise<{ sources: readonly { source: string; rows: number; skipped: number }[] }>
  /** Brings the push log online and frees what is due; `serve` does it every few seconds. */
  maintain(options?: CallOptions): Promise<void>
  /** Each dependency by name. */
  health(options?: CallOptions): Promise<Readonly<Record<string, { ok: boolean; detail?: string; degraded?: true }>>>
  /** Looks at everything that commonly goes wrong: this machine, the stores, the files, the views. A check that fails does not throw. */
  doctor(options?: CallOptions): Promise<DoctorReport>
}

/** Definitions in any of their forms. */
export type DefinitionsLike = Definitions | WireDefinitions | readonly object[]
