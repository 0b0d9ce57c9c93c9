import { ageOfText } from './age.ts'
import { type Grid, aligned } from './table.ts'
import type { Stream } from './terminal.ts'
import { fitted } from './wrapped.ts'

/** The members of a thing. */
export type Facts = Readonly<Record<string, unknown>>

/**
 * A thing for people: a heading and a line for each member, lists of named things as tables after them. Where there is no
 * terminal, YAML.
 */
export async function factsText(heading: string, facts: Facts, stream: Stream): Promise<string> {
  if (!stream.isTerminal) {
    const { stringify } = await import('yaml')
    return stringify(facts, { lineWidth: 0 })
  }
  const members = Object.entries(facts).filter(([, value]) => value !== undefined && value !== null && !isEmpty(value))
  const lines = members.filter(([, value]) => !isTable(value))
  const width = Math.max(0, ...lines.map(([name]) => name.length))
  const tables = members.flatMap(([name, value]) => (isTable(value) ? [{ name, grid: gridOf(value) }] : []))
  const parts = [
    `${stream.colours.bold(heading)}\n`,
    ...lines.map(
      ([name, value]) =>
        `  ${stream.colours.dim(name.padEnd(width))}  ${fitted(lineOf(value), stream, width + 4).join(`\n${' '.repeat(width + 4)}`)}\n`,
    ),
    ...(await Promise.all(
      tables.map(
        async ({ name, grid }) =>
          `${stream.colours.cyan(name)}\n${indented(await aligned(grid, { ...stream, width: stream.width - 2 }))}`,
      ),
    )),
  ]
  return parts.join('')
}

const indented = (text: string): string => text.replaceAll(/^(?=.)/gm, '  ')

const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0

const isFacts = (value: unknown): value is Facts => typeof value === 'object' && value !== null && !Array.isArray(value)

/** A list of things that have names. */
const isTable = (value: unknown): value is readonly Facts[] =>
  Array.isArray(value) && value.every((each) => isFacts(each) && typeof each['name'] === 'string')

/** A column for each member that says more than the name does. */
function gridOf(things: readonly Facts[]): Grid {
  const names = [...new Set(things.flatMap((thing) => Object.keys(thing)))].filter(
    (name) => name === 'name' || things.some((thing) => thing[name] !== undefined && thing[name] !== thing['name']),
  )
  return {
    columns: names.map((name) => ({ name })),
    rows: things.map((thing) => names.map((name) => (thing[name] === undefined ? null : lineOf(thing[name])))),
  }
}

/** A value on one line; an instant with its age. */
function lineOf(value: unknown): string {
  if (typeof value === 'string') {
    const age = isInstant.test(value) ? ageOfText(value) : ''
    return age === '' ? value.replaceAll(/\s+/g, ' ').trim() : `${value} (${age})`
  }
  if (isInterval(value)) return value[0] === null ? `up to ${value[1]}` : `${value[0]} to ${value[1]}`
  if (Array.isArray(value)) return value.map(lineOf).join(', ')
  if (isFacts(value))
    return Object.entries(value)
      .map(([name, member]) => `${name}: ${lineOf(member)}`)
      .join(', ')
  return value === null ? '–' : JSON.stringify(value)
}

const isInstant = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/

function isInterval(value: unknown): value is readonly [string | null, string] {
  if (!Array.isArray(value) || value.length !== 2) return false
  const [start, end] = value as readonly unknown[]
  return (
    typeof end === 'string' &&
    isInstant.test(end) &&
    (start === null || (typeof start === 'string' && isInstant.test(start)))
  )
}
