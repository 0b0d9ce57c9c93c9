import { z } from 'zod'
import type { ErrorCode } from '../kernel/errors.ts'
import { nearest } from '../kernel/nearest.ts'
import { parseDuration } from '../values/duration.ts'
import type { KeyType } from '../values/entity-key.ts'
import { type FeatureType, isFeatureType, scalarNames } from '../values/feature-type.ts'
import { likelyName, namePattern } from './name.ts'

/** What a check of the grammar says beside its message; it travels in the `params` of a zod issue. */
export interface IssueFacts {
  readonly code?: ErrorCode
  readonly remedy?: string
  readonly hint?: string
}

type Complaint = IssueFacts & { readonly message: string }

/** A text that a function judges: undefined where it is right. */
function judged(describe: string, pattern: string | undefined, complain: (text: string) => Complaint | undefined) {
  return z
    .string()
    .check((context) => {
      const complaint = complain(context.value)
      if (complaint === undefined) return
      const { message, ...params } = complaint
      context.issues.push({ code: 'custom', input: context.value, message, params })
    })
    .meta({ description: describe, ...(pattern === undefined ? {} : { pattern }) })
}

/** A name as the key of a mapping. */
export const nameText = judged(
  'a–z, 0–9 and _, starting with a letter, at most 63 characters',
  namePattern.source,
  (text) => {
    if (namePattern.test(text)) return undefined
    const likely = likelyName(text)
    return {
      code: 'INVALID_NAME',
      message: `"${text}" is not a name`,
      ...(likely === undefined ? {} : { hint: `did you mean "${likely}"?` }),
    }
  },
)

const scalars = scalarNames.join('|')
const otherWords: Readonly<Record<string, string>> = Object.freeze({
  int: 'int64',
  integer: 'int64',
  long: 'int64',
  bigint: 'int64',
  float: 'float64',
  double: 'float64',
  number: 'float64',
  real: 'float32',
  str: 'string',
  text: 'string',
  varchar: 'string',
  boolean: 'bool',
  binary: 'bytes',
  date: 'timestamp',
  datetime: 'timestamp',
})

function nearestType(text: string): string | undefined {
  return (
    otherWords[text.toLowerCase()] ??
    nearest(text, [...scalarNames, ...scalarNames.map((name) => `list<${name}>`), 'vector<8>'])
  )
}

/** The type of a feature or column. */
export const typeText = judged(
  `A type: ${scalarNames.join(', ')}, list<…> of one of them, vector<n>`,
  `^(${scalars}|list<(${scalars})>|vector<[1-9][0-9]{0,4}>)$`,
  (text) => {
    if (isFeatureType(text)) return undefined
    const near = nearestType(text)
    return {
      message: `"${text}" is not a type`,
      remedy: `The types: ${scalarNames.join(', ')}, list<…> of one of them, vector<n> with n ≤ 65536.`,
      ...(near === undefined ? {} : { hint: `did you mean "${near}"?` }),
    }
  },
).transform((text) => text as FeatureType)

const keyTypes = scalarNames.filter((name) => name !== 'float32' && name !== 'float64')

/** The type of a join key: any scalar but floats. */
export const keyTypeText = judged(
  `The type of a join key: ${keyTypes.join(', ')}`,
  `^(${keyTypes.join('|')})$`,
  (text) => {
    if ((keyTypes as readonly string[]).includes(text)) return undefined
    const remedy = `The types of join keys: ${keyTypes.join(', ')}.`
    if (isFeatureType(text)) return { message: `a join key cannot be of type ${text}`, remedy }
    const near = nearestType(text)
    return {
      message: `"${text}" is not a type`,
      remedy,
      ...(near === undefined ? {} : { hint: `did you mean "${near}"?` }),
    }
  },
).transform((text) => text as KeyType)

/** A text that may hold anything but nothing. */
export const filledText = (describe: string) =>
  judged(describe, undefined, (text) => {
    if (text.trim() === '') return { message: 'must not be empty' }
    return text.includes('\0') ? { message: 'must not hold a NUL character' } : undefined
  })

/** A column of a source: any text that the source may call it. */
export const columnText = filledText('A column of the source')

/** A duration, as text (`90s 5m 3h 2d 4w`) or the number 0. */
export const duration = (describe: string) =>
  z
    .union([z.string(), z.number()], { error: 'must be a duration: 90s, 5m, 3h, 2d or 4w' })
    .check((context) => {
      if (parseDuration(String(context.value)) !== undefined) return
      const negative = /^\s*-/.test(String(context.value))
      context.issues.push({
        code: 'custom',
        input: context.value,
        message: negative ? `"${context.value}" is negative` : `"${context.value}" is not a duration`,
        params: { remedy: 'Write a whole number and a unit: 90s, 5m, 3h, 2d or 4w.' },
      })
    })
    .meta({ description: describe, pattern: '^(0|[0-9]{1,15}[smhdw])$' })
    .transform((value) => parseDuration(String(value)) ?? 0n)

/** What people say about a definition. */
export const notes = {
  description: z.string().optional().describe('What it means, in a sentence'),
  owner: z.string().optional().describe('Who answers for it'),
  tags: z.record(z.string(), z.string()).optional().describe('Free labels: name and text'),
}
