import type { DefinitionsLike, Store } from '../../../src/contract/store.ts'

export type { Change, OnlineRows, Store } from '../../../src/contract/store.ts'

/** What the demo needs of the package: nothing that another program could not import. */
interface Sdk {
  readonly openStore: (dir: string, options: { readonly clock: { now(): bigint } }) => Promise<Store>
  /** What the files of a repository define. */
  readonly loadRepository: (
    dir: string,
  ) => Promise<{ readonly definitions: DefinitionsLike; readonly errors: readonly Error[] }>
  /** Serves a store over HTTP until it is disposed. */
  readonly startServer: (
    store: Store,
    options: { readonly host: string; readonly port: number },
  ) => Promise<AsyncDisposable & { readonly url: string }>
}

// By its name, as everybody does: in a checkout the export condition `provender-source` makes it src/index.ts.
const name: string = 'provender'
export const { openStore, loadRepository, startServer } = (await import(name)) as Sdk
