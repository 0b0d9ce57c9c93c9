import { isDeepStrictEqual, stripVTControlCharacters } from 'node:util'

/**
 * How what was printed differs from what a page shows; undefined where it does not. Differences that are none:
 *
 * - `…` in a page stands for anything within its line, alone on a line for any number of lines, and in JSON, as a text, for any value;
 * - durations and ages (`0.3 s`, `12 d ago`), and how many spaces stand between two columns;
 * - in JSON, white space, the order of members, and the values of those that time makes.
 */
export function difference(shown: string, printed: string, isJson: boolean): string | undefined {
  const text = lastFrame(printed)
  const isSame = isJson ? isSameJson(shown, text) : patternOf(shown).test(`${plain(text)}\n`)
  return isSame ? undefined : `The page shows\n${indented(shown)}\nbut this was printed\n${indented(text)}`
}

/** What a terminal shows in the end: lines that were drawn over are gone. */
export function lastFrame(printed: string): string {
  let kept = ''
  for (const [i, part] of printed.split(/\u001b\[(\d+)A\u001b\[0J/).entries()) {
    if (i % 2 === 0) kept += part
    else
      kept = kept
        .split(/(?<=\n)/)
        .slice(0, -Number(part))
        .join('')
  }
  return stripVTControlCharacters(kept)
}

const indented = (text: string): string => text.trimEnd().replaceAll(/^/gm, '    ')

const plain = (text: string): string =>
  text
    .replaceAll('\r\n', '\n')
    .replaceAll(/\b\d[\d,.]* (?:ms|s|min|h|d|years)\b/g, '<duration>')
    .replaceAll(/(?<=\S)[ \t]+$/gm, '')
    .replaceAll(/ {2,}/g, '  ')
    .trim()

function patternOf(shown: string): RegExp {
  const lines = plain(shown)
    .split('\n')
    .map((line) => (line.trim() === '…' ? '(?:.*\n)*?' : `${line.split('…').map(literal).join('.*')}\n`))
  return new RegExp(`^${lines.join('')}$`)
}

const literal = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&')

/** Members whose values no page can know. */
const timely = new Set(['id', 'seconds', 'startedAt', 'createdAt', 'author', 'generation'])

function isSameJson(shown: string, printed: string): boolean {
  try {
    return isSameValue(JSON.parse(shown), JSON.parse(printed))
  } catch {
    return false
  }
}

function isSameValue(shown: unknown, printed: unknown): boolean {
  if (shown === '…') return true
  if (!isObject(shown) || !isObject(printed) || Array.isArray(shown) !== Array.isArray(printed))
    return isDeepStrictEqual(shown, printed)
  const names = Object.keys(shown)
  return (
    isDeepStrictEqual(names.toSorted(), Object.keys(printed).toSorted()) &&
    names.every((name) => timely.has(name) || isSameValue(shown[name], printed[name]))
  )
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
