/** Where a JSON text stops being JSON, and why. */
export interface JsonFault {
  readonly offset: number
  readonly message: string
}

class Fault extends Error {
  readonly offset: number

  constructor(offset: number, message: string) {
    super(message)
    this.offset = offset
  }
}

/** Finds the first fault of a text that JSON.parse refused; the engine's own message often has no position. Nesting must be bounded. */
export function jsonFault(text: string): JsonFault {
  try {
    const end = skipSpace(text, skipValue(text, skipSpace(text, 0)))
    return { offset: end, message: end < text.length ? 'there is text after its end' : 'it cannot be parsed' }
  } catch (thrown) {
    if (thrown instanceof Fault) return { offset: thrown.offset, message: thrown.message }
    throw thrown
  }
}

const space = /[ \t\n\r]*/y
const literal = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const plain = /[^"\\\u0000-\u001f]*/y
const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y

function match(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : -1
}

const skipSpace = (text: string, at: number): number => match(space, text, at)

function skipValue(text: string, at: number): number {
  const c = text[at]
  if (c === '{') return skipItems(text, at, '}', skipMember)
  if (c === '[') return skipItems(text, at, ']', skipValue)
  if (c === '"') return skipString(text, at)
  const end = match(literal, text, at)
  if (end === -1) throw new Fault(at, at >= text.length ? 'it ends where a value must stand' : 'a value is expected')
  return end
}

function skipItems(text: string, open: number, close: string, skipItem: (text: string, at: number) => number): number {
  let at = skipSpace(text, open + 1)
  if (text[at] === close) return at + 1
  for (;;) {
    at = skipSpace(text, skipItem(text, at))
    if (text[at] === close) return at + 1
    if (text[at] !== ',')
      throw new Fault(at, at >= text.length ? `it ends before "${close}"` : `"," or "${close}" is expected`)
    at = skipSpace(text, at + 1)
  }
}

function skipMember(text: string, at: number): number {
  if (text[at] !== '"')
    throw new Fault(
      at,
      at >= text.length ? 'it ends where a member must stand' : 'a member name in double quotes is expected',
    )
  const colon = skipSpace(text, skipString(text, at))
  if (text[colon] !== ':') throw new Fault(colon, '":" is expected')
  return skipValue(text, skipSpace(text, colon + 1))
}

function skipString(text: string, open: number): number {
  let at = open + 1
  for (;;) {
    at = match(plain, text, at)
    if (text[at] === '"') return at + 1
    if (at >= text.length) throw new Fault(open, 'a string is not closed')
    const end = text[at] === '\\' ? match(escape, text, at) : -1
    if (end === -1)
      throw new Fault(
        at,
        text[at] === '\\' ? 'an escape that JSON does not have' : 'a control character in a string must be escaped',
      )
    at = end
  }
}
