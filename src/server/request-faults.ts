import { z } from 'zod'
import { pointerTo } from '../codecs/json-value.ts'
import { valueAt } from '../define/place.ts'
import { fail, failAll, type ProvenderError } from '../kernel/errors.ts'
import { nearest } from '../kernel/nearest.ts'

/** What a schema checks. */
export type Part = 'body' | 'query'

type Issue = z.core.$ZodIssue

/**
 * Reads a part of a request by its schema.
 * @throws all that is wrong with it as one: UNKNOWN_MEMBER with the nearest name, BAD_REQUEST; each with a JSON pointer.
 */
export function read<S extends z.ZodType>(schema: S, data: unknown, part: Part): z.output<S> {
  const { success, data: output, error } = schema.safeParse(data)
  if (success) return output
  const faults = error.issues.slice(0, listedFaults).flatMap((issue) => faultsOf(issue, { schema, data, part }))
  // A mistyped name often is also what a missing member is about: it is told first.
  throw failAll(faults.sort((a, b) => Number(b.code === 'UNKNOWN_MEMBER') - Number(a.code === 'UNKNOWN_MEMBER')))
}

/** How many faults an error lists; a body has room for a million. */
const listedFaults = 100

/** How much of a name that nobody knows is said. */
const shownChars = 64

interface Reading {
  readonly schema: z.ZodType
  readonly data: unknown
  readonly part: Part
}

function faultsOf(issue: Issue, reading: Reading): ProvenderError[] {
  const told = deepest(issue)
  if (told.code === 'unrecognized_keys')
    return told.keys.slice(0, listedFaults).map((key) => unknownMember(key, told.path, reading))
  const at = pointer(told.path)
  const name = told.path.findLast((step) => typeof step === 'string')
  const there = valueAt(reading.data, told.path.map(stepOf))
  if (there === undefined && name !== undefined)
    return [fail('BAD_REQUEST', `The ${wordOf(reading.part)} "${String(name)}" is missing`, { at })]
  return [
    fail(
      'BAD_REQUEST',
      `${told.path.length === 0 ? `The ${reading.part}` : `"${told.path.join('.')}"`}: ${messageOf(told)}`,
      { at },
    ),
  ]
}

const wordOf = (part: Part): string => (part === 'body' ? 'member' : 'parameter')

/** Of what several choices say, the one that got furthest. */
function deepest(issue: Issue): Issue {
  if (issue.code !== 'invalid_union') return issue
  const [best] = issue.errors.flatMap((errors) => errors.slice(0, 1)).sort((a, b) => b.path.length - a.path.length)
  if (best === undefined || best.path.length === 0) return issue
  return deepest({ ...best, path: [...issue.path, ...best.path] })
}

function messageOf(issue: Issue): string {
  if (issue.code === 'invalid_union') {
    const expected = issue.errors.flatMap(([first]) =>
      first?.code === 'invalid_type'
        ? [typeWord(first.expected)]
        : first === undefined
          ? []
          : [first.message.replace(/ is expected$/, '')],
    )
    return `${expected.join(' or ')} is expected`
  }
  if (issue.code === 'invalid_type') return `${typeWord(issue.expected)} is expected`
  if (issue.code === 'invalid_value')
    return `${issue.values.map(String).join(', ')} ${issue.values.length === 1 ? 'is' : 'are'} what it can be`
  return issue.message
}

const typeWord = (expected: string): string =>
  expected === 'string'
    ? 'a text'
    : expected === 'int'
      ? 'a whole number'
      : `${/^[aeiou]/.test(expected) ? 'an' : 'a'} ${expected}`

function unknownMember(name: string, path: readonly PropertyKey[], { schema, part }: Reading): ProvenderError {
  const key = name.length <= shownChars ? name : `${name.slice(0, shownChars).toWellFormed()}…`
  const known = membersAt(schema, path)
  const near = nearest(key, known)
  return fail(
    'UNKNOWN_MEMBER',
    `The ${part}${path.length === 0 ? '' : ` at ${pointer(path)}`} has no ${wordOf(part)} "${key}"`,
    {
      at: pointerTo(pointer(path), key),
      remedy:
        near !== undefined
          ? `Did you mean "${near}"?`
          : known.length > 0
            ? `There are: ${known.join(', ')}.`
            : `Leave it out.`,
    },
  )
}

function membersAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): readonly string[] {
  let at = bare(schema)
  for (const step of path) {
    if (!(at instanceof z.ZodObject) || typeof step !== 'string') return []
    at = bare((at.shape as Readonly<Record<string, z.core.$ZodType>>)[step])
  }
  return at instanceof z.ZodObject ? Object.keys(at.shape) : []
}

/** A schema without what says that it may be left out. */
const bare = (schema: z.core.$ZodType | undefined): z.core.$ZodType | undefined =>
  schema instanceof z.ZodOptional || schema instanceof z.ZodExactOptional ? bare(schema.unwrap()) : schema

const stepOf = (step: PropertyKey): string | number => (typeof step === 'number' ? step : String(step))

const pointer = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((at, step) => pointerTo(at, stepOf(step)), '')
