import type { ColumnType } from 'kysely'

/** A column that drivers answer each in their own way (int64 as bigint, number or text): what comes out is read by `rows.ts`. */
type Column<In> = ColumnType<unknown, In, In>

/** The tables of the metadata store. Instants are int64 microseconds, documents are JSON text written by `document.ts`. */
export interface Tables {
  /** Immutable; version 0 is not stored. */
  registry_version: {
    version: Column<number>
    parent: Column<number>
    created_at: Column<bigint>
    author: Column<string>
    message: Column<string | null>
    changes: Column<number>
    definitions: Column<string>
  }
  /** One document per view in two columns, since snapshots read only the first. */
  view_state: {
    view: Column<string>
    version: Column<number>
    generations: Column<string>
    progress: Column<string>
  }
  lease: {
    name: Column<string>
    token: Column<string>
    owner: Column<string>
    until_ms: Column<number>
  }
  run: {
    id: Column<string>
    /** Grows with every insert: what "newest first" means. */
    sequence: Column<number>
    view: Column<string>
    state: Column<string>
    document: Column<string>
  }
  /** `state` counts changes of what a snapshot shows, `run` inserted runs, `format` the migrations done. */
  counter: {
    name: Column<string>
    value: Column<number>
  }
}
