import { fromSeconds } from './instants.ts'
import type { Seeded } from '../../../src/testing/seeded.ts'
import { type FeatureType, type ScalarName, partsOf } from '../../../src/values/feature-type.ts'
import { instantRange } from '../../../src/values/instant.ts'
import type { Value } from '../../../src/values/value.ts'

/** Types of features. */
export const featureTypes: readonly FeatureType[] = [
  'bool',
  'int32',
  'int64',
  'int64',
  'float32',
  'float64',
  'float64',
  'string',
  'string',
  'bytes',
  'timestamp',
  'list<int32>',
  'list<int64>',
  'list<float32>',
  'list<float64>',
  'list<string>',
  'list<bytes>',
  'list<bool>',
  'list<timestamp>',
  'vector<1>',
  'vector<3>',
]

/** Types of join keys. */
export const keyTypes: readonly ScalarName[] = [
  'int32',
  'int64',
  'int64',
  'string',
  'string',
  'bytes',
  'bool',
  'timestamp',
]

/** Values where engines go wrong: few of each type, so that they meet and tie. */
const pools: Readonly<Record<ScalarName, readonly Value[]>> = {
  bool: [true, false],
  int32: [-2_147_483_648, 2_147_483_647, 0, -1],
  int64: [-(2n ** 63n), 2n ** 63n - 1n, 9_007_199_254_740_993n, 0n, -1n],
  float32: [
    Math.fround(0.1),
    1.401_298_464_324_817e-45,
    3.402_823_466_385_288_6e38,
    Number.NaN,
    -Infinity,
    16_777_217,
    0,
  ],
  float64: [0.1, 5e-324, 1.797_693_134_862_315_7e308, Number.NaN, Infinity, -Infinity, 9_007_199_254_740_992, -1.5, 0],
  // By UTF-8 bytes the ligature is less than the clef, by UTF-16 units it is not.
  string: [
    '',
    ' ',
    'a',
    'A',
    'é',
    'e\u0301',
    '\uFB00',
    '\u{1D11E}',
    String.raw`\N`,
    '"',
    "'",
    'NULL',
    '{a,b}',
    'x\n\ty',
    '\\',
  ],
  bytes: [Uint8Array.of(), Uint8Array.of(0), Uint8Array.of(0, 255), Uint8Array.of(92, 34)],
  timestamp: [instantRange.min, instantRange.end - 1n, -1n, 0n, fromSeconds(0) + 1n],
}

/** Values of one history. Values that the Order holds equal are the same value in it: −0 stands for 0 or nowhere. */
export interface Values {
  /** A value of a type; null now and then. */
  any(type: FeatureType): Value | null
  /** A key: one of few. */
  key(type: ScalarName): Value
}

/** Draws values. */
export function drawValues(random: Seeded): Values {
  const zero = random.pick([0, -0])
  const scalar = (type: ScalarName): Value => {
    const value = random.pick(pools[type])
    const isFloat = type === 'float32' || type === 'float64'
    return isFloat && value === 0 ? zero : type === 'float32' ? Math.fround(value as number) : value
  }
  const keys = new Map<ScalarName, Value[]>()
  return {
    any(type) {
      if (random.int(4) === 0) return null
      const parts = partsOf(type)
      if (parts.kind === 'scalar') return scalar(parts.name)
      if (parts.kind === 'vector') return Array.from({ length: parts.size }, () => scalar('float32'))
      return Array.from({ length: random.int(4) }, () => (random.int(4) === 0 ? null : scalar(parts.item)))
    },
    key(type) {
      const few = keys.get(type) ?? random.shuffle(pools[type]).slice(0, 3)
      keys.set(type, few)
      return random.pick(few)
    },
  }
}
