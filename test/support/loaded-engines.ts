// A process that opens the store of a folder, calls one verb of it and prints which engines it had to load: node loaded-engines.ts FOLDER VERB.
import { openStore } from '../../src/compose/open-store.ts'
import type { Store } from '../../src/contract/store.ts'

const verbs: Readonly<Record<string, (store: Store) => Promise<unknown>>> = {
  nothing: async () => undefined,
  history: async (store) => store.versions(),
  list: async (store) => store.list('views'),
  show: async (store) => store.show('views', 'last'),
  runs: async (store) => store.runs(),
  online: async (store) => store.online('last', [{ customer: 1 }]),
  push: async (store) => store.push('last', [{ customer: 1, amount: 2, at: '2026-01-01' }]),
  deadLetters: async (store) => store.deadLetters(),
  events: async (store) => (await store.events('last', { start: 0n, end: 1n })).rows(),
}

/** Libraries that the process has loaded, by the names of their engines. */
function loaded(): string[] {
  const { sharedObjects } = process.report.getReport() as unknown as { readonly sharedObjects: readonly string[] }
  return ['duckdb', 'lmdb'].filter((name) => sharedObjects.some((path) => path.includes(name)))
}

const [dir = '', verb = ''] = process.argv.slice(2)
{
  await using store = await openStore(dir)
  await verbs[verb]?.(store)
}
console.log(JSON.stringify(loaded()))
