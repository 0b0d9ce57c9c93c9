/** One place where the tree breaks a law of the house. */
export type Breach = {
  /** The law's name, for example `floors`. */
  readonly law: string
  readonly path: string
  readonly line?: number
  readonly detail: string
}

/** A law: what it demands, and the places of a tree that break it. */
export type Law = {
  readonly name: string
  readonly demands: string
  readonly check: (house: House) => readonly Breach[]
}

/** Paths from the root of the repository, with forward slashes, and the text of each file. */
export type Tree = ReadonlyMap<string, string>

/** A tree with its code parsed. */
export type House = {
  readonly tree: Tree
  /** Every code file that could be parsed, by path. */
  readonly sources: ReadonlyMap<string, Source>
  /** Files that could not be parsed. */
  readonly unreadable: readonly Breach[]
}

/** A parsed code file. */
export type Source = {
  readonly path: string
  readonly text: string
  readonly program: import('oxc-parser').Program
  readonly comments: readonly import('oxc-parser').Comment[]
  /** The line, from 1, of an offset into the text. */
  readonly lineAt: (offset: number) => number
}

/** One line for people: `path:line  detail`. */
export function describeBreach({ path, line, detail }: Breach): string {
  return line === undefined ? `${path}  ${detail}` : `${path}:${line}  ${detail}`
}
