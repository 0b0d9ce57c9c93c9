import { writeValue } from '../codecs/json-value.ts'
import { float64Text } from '../codecs/float-text.ts'
import { type FeatureType, isFeatureType } from '../values/feature-type.ts'
import { formatInstant } from '../values/instant.ts'
import type { Value } from '../values/value.ts'

/** Writes exact values of one type as JSON text of the wire form. */
export type ValueWriter = (value: Value | null) => string

const writers = new Map<string, ValueWriter>()

/** The writer of a type; the types that most features have are written without taking the type apart. */
export function writerOf(type: string): ValueWriter {
  let writer = writers.get(type)
  if (writer === undefined) {
    if (!isFeatureType(type)) throw new Error(`Assertion failed: ${type} is a feature type`)
    writer = newWriter(type)
    if (writers.size < keptWriters) writers.set(type, writer)
  }
  return writer
}

/** More types than this are those of an attack. */
const keptWriters = 1000

function newWriter(type: FeatureType): ValueWriter {
  switch (type) {
    case 'bool':
    case 'int32':
    case 'int64':
      return String
    case 'float64':
      return (value) =>
        value === null ? 'null' : Number.isFinite(value) ? float64Text(value as number) : `"${String(value)}"`
    case 'string':
      return (value) => JSON.stringify(value)
    default:
      return (value) => writeValue(type, value)
  }
}

/** Members of an object, each name written once: `"name":` before its value. */
export const memberNames = (names: readonly string[]): readonly string[] =>
  names.map((name) => `${JSON.stringify(name)}:`)

/** An event time as JSON text. */
export const eventTimeText = (time: bigint | null | undefined): string =>
  time === null || time === undefined ? 'null' : `"${formatInstant(time)}"`
