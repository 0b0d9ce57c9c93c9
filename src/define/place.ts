/** Where a field stands in a document of the grammar: `['views', 'airport_delays', 'entities', 0]`. */
export type Path = readonly (string | number)[]

/** The name of a field, or what stands under it. */
export type Spot = 'key' | 'value'

/** A place for people. */
export interface Place {
  /** `file:line:col` relative to the repository, or a JSON pointer. */
  readonly at: string
  /** What places of one part are sorted by. */
  readonly offset: number
  /** The source line with a marker under the place. */
  readonly excerpt?: string
}

/** One document of definitions and where each of its fields stands. */
export interface Part {
  /** Plain data in the YAML grammar; undefined where there is none. */
  readonly data: unknown
  /** True when some of it could not be read, so that names it defines may be missing. */
  readonly incomplete: boolean
  /** The place of a field, or of the nearest thing around it. The hint stands after the marker. */
  readonly locate: (path: Path, spot: Spot, hint?: string) => Place
}

/** A part that is JSON: its places are JSON pointers. */
export function jsonPart(data: unknown): Part {
  return Object.freeze({ data, incomplete: false, locate: (path: Path) => ({ at: pointer(path), offset: 0 }) })
}

/** The JSON pointer of a path; the document itself is the empty text. */
function pointer(path: Path): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

/** What stands at a path; undefined where nothing does. */
export function valueAt(data: unknown, path: Path): unknown {
  let value = data
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as Readonly<Record<string | number, unknown>>)[step]
  }
  return value
}
