import type { Fence } from './fences.ts'

/** Something that a page has its reader do. */
export type Step =
  /** Save a file. */
  | { readonly kind: 'file'; readonly fence: Fence; readonly path: string }
  /** Type commands, and see what they print. */
  | { readonly kind: 'commands'; readonly fence: Fence; readonly commands: string; readonly output?: Output }
  /** Run a script that has no name. */
  | { readonly kind: 'script'; readonly fence: Fence; readonly output?: Output }
  /** Install, and start what has tests of its own. Not run; but each line must mean something in this checkout. */
  | { readonly kind: 'install'; readonly fence: Fence }

/** What a page says is printed. */
export interface Output {
  readonly text: string
  readonly isJson: boolean
}

const shells = new Set(['sh', 'bash', 'shell'])
const scripts = new Set(['ts', 'typescript', 'js', 'javascript'])
const outputs = new Set(['text', 'json', 'csv'])

/**
 * What the blocks of a page ask for, in order; and the blocks that ask for nothing that can be run.
 *
 * - `yaml features/a.yaml`: a file, saved under that path.
 * - `sh`: commands, run in one shell. A `text`, `json` or `csv` block that comes next is what they print.
 * - `console`: commands after `$ `, each with what it prints.
 * - `ts` without a path: a script, run as it is. It can have an output block, too.
 */
export function stepsOf(fences: readonly Fence[]): {
  readonly steps: readonly Step[]
  readonly unrun: readonly Fence[]
} {
  const taken = new Set<Fence>()
  const steps = fences.flatMap((fence, i) => {
    if (taken.has(fence)) return []
    const found = stepsFrom(fence, fences[i + 1])
    if (found.length > 0) taken.add(fence)
    const last = found.at(-1)
    const next = fences[i + 1]
    if (next !== undefined && fence.language !== 'console' && last !== undefined && 'output' in last) taken.add(next)
    return found
  })
  const unused = new Set(steps.filter((step) => step.kind === 'file' && !isUsed(step, steps)).map(({ fence }) => fence))
  return {
    steps: steps.filter(({ fence }) => !unused.has(fence)),
    unrun: fences.filter((fence) => !taken.has(fence) || unused.has(fence)),
  }
}

function stepsFrom(fence: Fence, next: Fence | undefined): Step[] {
  const { language, path, text } = fence
  if (path !== undefined) return [{ kind: 'file', fence, path }]
  if (language === 'console') return consoleSteps(fence)
  const output =
    next !== undefined && next.path === undefined && outputs.has(next.language)
      ? { output: { text: next.text, isJson: next.language === 'json' } }
      : {}
  if (scripts.has(language)) return [{ kind: 'script', fence, ...output }]
  if (!shells.has(language)) return []
  if (/^(?:git clone|npm) /m.test(text)) return [{ kind: 'install', fence }]
  return [{ kind: 'commands', fence, commands: text, ...output }]
}

/** A `$ ` starts a command; a line that ends in `\` goes on in the next. What stands before the first belongs to none. */
function consoleSteps(fence: Fence): Step[] {
  const [before, ...parts] = fence.text.split(/^\$ /m)
  if (before !== '') return []
  return parts.map((part) => {
    const end = /(?<!\\)\n/.exec(part)?.index ?? part.length
    return {
      kind: 'commands',
      fence,
      commands: part.slice(0, end),
      output: { text: part.slice(end + 1), isJson: false },
    }
  })
}

/** Definitions and settings are read by any later command; other files by a block that names them, or the folder that they lie in. */
function isUsed(step: Step & { readonly kind: 'file' }, steps: readonly Step[]): boolean {
  const isAmbient = /(?:^|\/)(?:features\/|provender\.yaml$|package\.json$)/.test(step.path)
  if (isAmbient) return steps.slice(steps.indexOf(step)).some(({ kind }) => kind === 'commands')
  const slash = step.path.lastIndexOf('/')
  const names = [step.path.slice(slash + 1), ...(slash === -1 ? [] : [step.path.slice(0, slash + 1)])]
  return steps.some(({ fence }) => fence !== step.fence && names.some((name) => fence.text.includes(name)))
}
