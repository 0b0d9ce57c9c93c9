import { wireDecoderOf } from '../codecs/wire-decoder.ts'
import { textsOf } from '../contract/arguments.ts'
import type { Exactness, OnlineRows, SdkValue, Status, Store } from '../contract/store.ts'
import { shaperOf } from '../retrieve/shape.ts'
import { isFeatureType } from '../values/feature-type.ts'
import { parseInstant } from '../values/instant.ts'
import type { Value } from '../values/value.ts'
import { strange } from './answer.ts'
import type { Caller } from './caller.ts'
import { jsonText, objectText, valuesText } from './request-text.ts'
import type { AnswerOf } from './server-calls.ts'

/** The verb that reads online. */
export function onlineVerb(caller: Caller): Pick<Store, 'online'> {
  return {
    async online(features, entities, options) {
      const { text, headers } = valuesText(entities, options?.form ?? 'js')
      const body = objectText({
        features: JSON.stringify(textsOf(features)),
        entities: text,
        fullNames: jsonText(options?.fullNames),
        includeExpired: jsonText(options?.includeExpired),
        include: '["eventTimes","types"]',
      })
      const answer = await caller.ask('online', { body, headers }, options)
      const rows = rowsOf(answer, entities.length, options)
      if (rows === undefined) throw strange(caller.url, 'the answer of /v1/online cannot be read')
      return rows
    },
  }
}

/** The rows of an answer; undefined where it is not what it says it is. @throws BAD_VALUE for an int64 that no number holds, unless bigint is asked for. */
function rowsOf(answer: AnswerOf<'online'>, entities: number, exactness: Exactness = {}): OnlineRows | undefined {
  const { features, views, rows, registryVersion, types = [], keyFields = [] } = answer
  if (!types.every(isFeatureType) || types.length !== features.length || rows.length !== entities) return undefined
  const decoders = types.map(wireDecoderOf)
  const shapers = types.map((type) => shaperOf(type, exactness))
  const allPresent = Object.freeze(features.map((): Status => 'PRESENT'))
  const exact: (Value | null)[][] = []
  for (const row of rows) {
    const values: (Value | null)[] = []
    for (let f = 0; f < decoders.length; f++) {
      const value = decoders[f]?.(row.values[f])
      if (value === undefined) return undefined
      values.push(value)
    }
    exact.push(values)
  }
  const objects = exact.map((values) => {
    const object: Record<string, SdkValue> = {}
    for (let f = 0; f < features.length; f++) object[features[f] ?? ''] = shapers[f]?.(values[f] ?? null) ?? null
    return object
  })
  return Object.assign(objects, {
    features,
    types,
    views,
    keyFields,
    statuses: rows.map((row) => row.statuses ?? allPresent),
    eventTimes: rows.map((row) => (row.eventTimes ?? []).map(timeOf)),
    exact,
    registryVersion,
  })
}

const timeOf = (text: string | null): bigint | null => (text === null ? null : (parseInstant(text) ?? null))
