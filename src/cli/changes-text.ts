import type { Change } from '../contract/store.ts'
import type { Definitions } from '../define/definition.ts'
import { formatDuration } from '../values/duration.ts'
import { counted } from './number-text.ts'
import type { Colours, Stream } from './terminal.ts'
import { cut, wrapped } from './wrapped.ts'

const signs = Object.freeze({ add: '+', change: '~', remove: '-' } as const)

/**
 * Changes for people: a line for each, what of it differs, and what follows; then how many there are.
 * @param after the definitions after the changes, where they are at hand: what is new is then told in a few words.
 */
export function changesText(changes: readonly Change[], stream: Stream, after?: Definitions): string {
  const { colours } = stream
  const kindWidth = Math.max(0, ...changes.map(({ kind }) => kind.length))
  const nameWidth = Math.max(0, ...changes.map(({ name }) => name.length))
  const briefWidth = stream.isTerminal ? Math.max(minBriefWidth, stream.width - kindWidth - nameWidth - 8) : Infinity
  const lines = changes.flatMap((change) => {
    const paint = painter(change.action, colours)
    const what = change.breaking
      ? colours.red(colours.bold('breaking'))
      : change.action === 'add' && after !== undefined
        ? colours.dim(cut(briefOf(after, change), briefWidth))
        : ''
    // That something new changes nothing is no news.
    const consequence =
      change.action === 'add' && change.kind !== 'view'
        ? []
        : wrapped(change.consequence, stream.width - consequenceIndent.length)
    return [
      `  ${paint(`${signs[change.action]} ${change.kind.padEnd(kindWidth)}  ${colours.bold(change.name.padEnd(nameWidth))}`)}  ${what}`.trimEnd(),
      ...fieldLines(change, colours),
      ...consequence.map((line) => consequenceIndent + colours.dim(line)),
    ]
  })
  return [...lines, summaryOf(changes, colours), ''].join('\n')
}

/** What a new definition is, in a few words. */
function briefOf({ entities, sources, views, services }: Definitions, { kind, name }: Change): string {
  switch (kind) {
    case 'entity':
      return (entities.get(name)?.keys ?? []).map((key) => `${key.name} ${key.type}`).join(', ')
    case 'source': {
      const source = sources.get(name)
      return source === undefined ? '' : 'path' in source ? `${source.type} ${source.path}` : source.type
    }
    case 'view': {
      const view = views.get(name)
      return view === undefined
        ? ''
        : [
            counted(view.features.length, 'feature'),
            view.ttlUs === 0n ? 'no ttl' : `ttl ${formatDuration(view.ttlUs)}`,
            view.online ? 'online' : 'not online',
          ].join(' · ')
    }
    case 'service':
      return services.get(name)?.features.join(', ') ?? ''
    case 'on-demand':
      return ''
  }
}

/** Less of it says nothing. */
const minBriefWidth = 20

const consequenceIndent = '      '

function fieldLines({ fields = [] }: Change, colours: Colours): string[] {
  const width = Math.max(0, ...fields.map(({ path }) => path.length))
  return fields.map(({ path, from, to }) => {
    const action = from === undefined ? 'add' : to === undefined ? 'remove' : 'change'
    const values = [from, to].filter((value) => value !== undefined).map(valueText)
    return `      ${painter(action, colours)(`${signs[action]} ${path.padEnd(width)}  ${values.join(' → ')}`)}`
  })
}

/** `1 to add, 2 to change, 0 to remove · 1 breaking` */
function summaryOf(changes: readonly Change[], colours: Colours): string {
  const count = (action: Change['action']): number => changes.filter((change) => change.action === action).length
  const breaking = changes.filter((change) => change.breaking).length
  const numbers = `${count('add')} to add, ${count('change')} to change, ${count('remove')} to remove`
  return breaking === 0
    ? colours.bold(numbers)
    : `${colours.bold(numbers)} · ${colours.red(counted(breaking, 'breaking change'))}`
}

const painter = (action: Change['action'], { green, yellow, red }: Colours): ((text: string) => string) =>
  ({ add: green, change: yellow, remove: red })[action]

const maxValueChars = 60

function valueText(value: unknown): string {
  const whole = typeof value === 'object' && value !== null && 'type' in value ? value.type : value
  const text = typeof whole === 'string' ? whole.replaceAll(/\s+/g, ' ').trim() : JSON.stringify(whole)
  return cut(text, maxValueChars)
}
