import { type FeatureType, type ScalarName, partsOf } from '../values/feature-type.ts'
import { parseInstant } from '../values/instant.ts'
import type { Value } from '../values/value.ts'

/** Turns the wire form of one value, parsed by `parseExact`, into the value; undefined where it is not of the type. */
export type WireDecoder = (json: unknown) => Value | null | undefined

const decoders = new Map<FeatureType, WireDecoder>()

/** More types than this are not kept. */
const keptDecoders = 1000

/**
 * Compiles the reader of answers in the wire form. Unlike `parseValue`, which judges what is sent in, it knows no limits: what a server
 * gives is what is stored.
 */
export function wireDecoderOf(type: FeatureType): WireDecoder {
  let decode = decoders.get(type)
  if (decode === undefined) {
    decode = newDecoder(type)
    if (decoders.size < keptDecoders) decoders.set(type, decode)
  }
  return decode
}

function newDecoder(type: FeatureType): WireDecoder {
  const parts = partsOf(type)
  if (parts.kind === 'scalar') return orNull(scalars[parts.name])
  const scalar = orNull(scalars[parts.kind === 'list' ? parts.item : 'float32'])
  return orNull((json) => {
    if (!Array.isArray(json)) return undefined
    const elements = json.map(scalar)
    return elements.includes(undefined) ? undefined : (elements as (Value | null)[])
  })
}

const orNull =
  (decode: WireDecoder): WireDecoder =>
  (json) =>
    json === null ? null : decode(json)

const specials: ReadonlyMap<unknown, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
])

const float: WireDecoder = (json) =>
  typeof json === 'number' ? json : typeof json === 'bigint' ? Number(json) : specials.get(json)

const scalars: Readonly<Record<ScalarName, WireDecoder>> = Object.freeze({
  bool: (json) => (typeof json === 'boolean' ? json : undefined),
  int32: (json) => (typeof json === 'number' ? json : undefined),
  int64: (json) => (typeof json === 'bigint' ? json : Number.isSafeInteger(json) ? BigInt(json as number) : undefined),
  float32: (json) => {
    const value = float(json)
    return value === undefined ? undefined : Math.fround(value as number)
  },
  float64: float,
  string: (json) => (typeof json === 'string' ? json : undefined),
  bytes: (json) => (typeof json === 'string' ? new Uint8Array(Buffer.from(json, 'base64')) : undefined),
  timestamp: (json) => (typeof json === 'string' ? parseInstant(json) : undefined),
})
