import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { TypescriptMessage, TypescriptThrown } from './typescript-message.ts'

/** What became of one file. */
export interface LoadedTypescript {
  /** Absolute. */
  readonly file: string
  readonly definitions: readonly ExportedDefinition[]
  /** What it threw; then it has no definitions. */
  readonly thrown?: TypescriptThrown
}

/** An exported definition: the name of the export, and a document of the grammar that holds it alone. */
export interface ExportedDefinition {
  readonly export: string
  readonly document: Readonly<Record<string, unknown>>
}

/** How long one file may take, imports of its own included, and how much memory all may use. */
const workerLimits = Object.freeze({ fileMs: 10_000, heapMiB: 1024 })

const entry = new URL(`./typescript-worker${extname(import.meta.url)}`, import.meta.url)

/**
 * Loads files of definitions as Node runs them, in a fresh worker, and gives every definition that they export, in the order
 * of the files. A file that throws, hangs or ends the worker is said so; the others are loaded all the same.
 * @param files absolute paths
 */
export async function loadTypescript(
  files: readonly string[],
  fileMs: number = workerLimits.fileMs,
): Promise<LoadedTypescript[]> {
  const fatal = new Map<string, LoadedTypescript>()
  while (fatal.size < files.length) {
    const rest = files.filter((file) => !fatal.has(file))
    const { loaded, last } = await runWorker(rest, fileMs)
    if (last === undefined) {
      const byFile = new Map([...fatal, ...loaded.map((one) => [one.file, one] as const)])
      return files.flatMap((file) => byFile.get(file) ?? [])
    }
    // Files share modules, so all but the one that ended the worker are loaded anew, by one worker.
    fatal.set(last.file, last)
  }
  return [...fatal.values()]
}

/** One worker's life: what it loaded, and the file that ended it before all were. */
interface Life {
  readonly loaded: readonly LoadedTypescript[]
  readonly last?: LoadedTypescript
}

async function runWorker(files: readonly string[], fileMs: number): Promise<Life> {
  const worker = new Worker(entry, {
    workerData: files,
    stdout: true,
    execArgv: ['--disable-warning=ExperimentalWarning'],
    resourceLimits: { maxOldGenerationSizeMb: workerLimits.heapMiB },
  })
  // Standard output belongs to the command that loads the definitions.
  worker.stdout.on('data', (chunk: Uint8Array) => process.stderr.write(chunk))
  const { promise, resolve } = Promise.withResolvers<Life>()
  const loaded: LoadedTypescript[] = []
  let definitions: ExportedDefinition[] = []
  let reason = 'it ended its process before it was loaded'
  const timer = setTimeout(() => {
    reason = `it did not end within ${fileMs / 1000} s`
    void worker.terminate()
  }, fileMs)
  worker.on('message', (message: TypescriptMessage) => {
    if (message.kind === 'definition') {
      definitions.push({ export: message.export, document: message.document })
    } else if (message.kind === 'done') {
      resolve({ loaded })
    } else {
      const { file } = message
      loaded.push(message.kind === 'thrown' ? { file, definitions: [], thrown: message.thrown } : { file, definitions })
      definitions = []
      timer.refresh()
    }
  })
  worker.on('error', (error) => {
    reason = `it ended its process: ${error instanceof Error ? error.message : String(error)}`
  })
  // Only here has everything arrived that the worker said: an error overtakes what was said before it.
  worker.on('exit', () => {
    const file = files[loaded.length] ?? ''
    const remedy = 'A file of definitions must load by itself: no waiting for what never comes, no exit.'
    resolve({ loaded, last: { file, definitions: [], thrown: { name: 'Error', message: reason, stack: '', remedy } } })
  })
  const life = await promise
  clearTimeout(timer)
  await worker.terminate()
  return life
}
