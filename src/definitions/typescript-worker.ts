// Runs in a worker of its own: loads files of definitions one by one and answers with plain data. The files are code of the
// user: whatever they do wrong ends here, and the other side tells.
import { readFileSync } from 'node:fs'
import { registerHooks, stripTypeScriptTypes } from 'node:module'
import { extname } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parentPort, workerData } from 'node:worker_threads'
import { documentOf, isBuilt } from '../define/built.ts'
import { isProvenderError } from '../kernel/errors.ts'
import type { TypescriptMessage, TypescriptThrown } from './typescript-message.ts'

/** What `import … from 'provender'` means in a file of definitions: the builders, and no engine. */
const builders = new URL(`../define/builders${extname(import.meta.url)}`, import.meta.url).href

/** Syntax errors of TypeScript name no file, so it is kept beside them. */
const syntaxErrors = new Map<unknown, string>()

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'provender' ? { url: builders, shortCircuit: true } : next(specifier, context),
  // Node itself refuses TypeScript under node_modules, and takes the format from the nearest package.json.
  load: (url, context, next) =>
    /^file:.*(?<!\.d)\.m?ts$/.test(url)
      ? { format: 'module', source: strip(url), shortCircuit: true }
      : next(url, context),
})

function strip(url: string): string {
  const text = readFileSync(fileURLToPath(url), 'utf8')
  try {
    return stripTypeScriptTypes(text)
  } catch (thrown) {
    syntaxErrors.set(thrown, url)
    throw thrown
  }
}

const say = (message: TypescriptMessage): void => parentPort?.postMessage(message)

/** Not at the top level: Node would complain of this file when one of the user's awaits what never comes. */
async function loadAll(files: readonly string[]): Promise<void> {
  const seen = new Set<object>()
  for (const file of files) {
    try {
      const exported = (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>
      for (const [name, value] of Object.entries(exported)) {
        // A value that is exported again from a second file is the same definition.
        if (!isBuilt(value) || seen.has(value)) continue
        seen.add(value)
        say({ kind: 'definition', file, export: name, document: documentOf(value) })
      }
      say({ kind: 'end', file })
    } catch (thrown) {
      say({ kind: 'thrown', file, thrown: describe(thrown) })
    }
  }
  say({ kind: 'done' })
}

function describe(thrown: unknown): TypescriptThrown {
  const url = syntaxErrors.get(thrown)
  const base =
    thrown instanceof Error
      ? { name: thrown.name, message: thrown.message, stack: thrown.stack ?? '' }
      : { name: 'Error', message: String(thrown), stack: '' }
  const known = isProvenderError(thrown) ? { code: thrown.code, remedy: thrown.remedy } : {}
  return { ...base, ...known, ...(url === undefined ? {} : { url }) }
}

void loadAll(workerData as readonly string[])
