import type { Call } from '../kernel/call.ts'
import { isProvenderError, type ProvenderError } from '../kernel/errors.ts'
import type { Definitions, SourceDef } from '../define/definition.ts'
import type { OfflineStore, SourceFacts } from '../ports/offline.ts'

/** What the offline store found of the sources that views read in place: facts, or why there are none. */
export interface FoundSources {
  readonly facts: ReadonlyMap<string, SourceFacts>
  readonly errors: readonly ProvenderError[]
}

/** Looks at every source that a view reads and that has rows of its own. One that cannot be read does not hide the others. */
export async function findSources(
  offline: Pick<OfflineStore, 'describe'>,
  definitions: Definitions,
  call?: Call,
): Promise<FoundSources> {
  const names = new Set([...definitions.views.values()].map((view) => view.source))
  const sources = [...definitions.sources.values()].filter(
    (source) => names.has(source.name) && source.type !== 'push' && source.type !== 'kafka',
  )
  const describe = async (some: readonly SourceDef[]): Promise<FoundSources> => {
    const found = await offline.describe(some, definitions.sources, call)
    return { facts: new Map(some.map((source, i) => [source.name, found[i] ?? nothing])), errors: [] }
  }
  if (sources.length === 0) return { facts: new Map(), errors: [] }
  try {
    return await describe(sources)
  } catch (thrown) {
    if (!isOfSource(thrown)) throw thrown
  }
  const facts = new Map<string, SourceFacts>()
  const errors: ProvenderError[] = []
  for (const source of sources) {
    try {
      for (const [name, found] of (await describe([source])).facts) facts.set(name, found)
    } catch (thrown) {
      if (!isOfSource(thrown)) throw thrown
      errors.push(thrown)
    }
  }
  return { facts, errors }
}

const nothing: SourceFacts = Object.freeze({ columns: [], files: [], rows: null })

/** An error of one source, as against one of the call or the engine. */
const isOfSource = (thrown: unknown): thrown is ProvenderError => isProvenderError(thrown) && thrown.exit === 3
