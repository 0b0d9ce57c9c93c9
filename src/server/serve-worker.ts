// One of several processes that serve a repository, started by the primary (primary.ts), which owns the port and ends it.
import { enableCompileCache } from 'node:module'

enableCompileCache()
const { runWorker } = await import('./worker.ts')
await runWorker()
