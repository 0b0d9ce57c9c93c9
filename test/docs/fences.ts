/** A fenced block of a page. */
export interface Fence {
  /** The first word of the info string. */
  readonly language: string
  /** The rest of it: the file that the block is. */
  readonly path: string | undefined
  readonly text: string
  /** Of its first fence line, from 1. */
  readonly line: number
  /** What stands between the block before and this one. */
  readonly prose: string
}

/** The fenced blocks of a Markdown page in order, those in HTML comments too. */
export function fencesOf(markdown: string): Fence[] {
  const lines = markdown.split('\n')
  const fences: Fence[] = []
  let after = 0
  for (let at = 0; at < lines.length; at++) {
    const open = /^( *)(`{3,})\s*(\S*)\s*(.*?)\s*$/.exec(lines[at] ?? '')
    if (open === null) continue
    const [, indent = '', ticks = '', language = '', path = ''] = open
    const end = lines.findIndex((line, i) => i > at && line.trimEnd() === indent + ticks)
    if (end === -1) throw new Error(`the block of line ${at + 1} has no end`)
    const body = lines.slice(at + 1, end).map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line))
    fences.push({
      language,
      path: path === '' ? undefined : path,
      text: body.map((line) => `${line}\n`).join(''),
      line: at + 1,
      prose: lines.slice(after, at).join('\n'),
    })
    at = end
    after = end + 1
  }
  return fences
}
