import { instantOf, textsOf } from '../contract/arguments.ts'
import type { OnlineOptions, OnlineTextOptions, Store } from '../contract/store.ts'
import { readEvents, readHistorical, readSnapshot } from '../retrieve/historical.ts'
import { type OnlineReadOptions, findOnline } from '../retrieve/online.ts'
import { onlineRows } from '../retrieve/online-rows.ts'
import { onlineText } from '../retrieve/online-text.ts'
import { tableOf } from '../retrieve/table.ts'
import { callOf, spineOf } from './arguments.ts'
import type { Parts } from './parts.ts'

/** The verbs that read features. */
export function reads(parts: Parts): Pick<Store, 'historical' | 'events' | 'snapshot' | 'online' | 'onlineText'> {
  const common = (
    features: Parameters<Store['historical']>[0],
    options:
      | {
          asOf?: Parameters<typeof instantOf>[0]
          fullNames?: boolean
          registryVersion?: number
          signal?: AbortSignal | undefined
          timeoutMs?: number | undefined
        }
      | undefined,
  ) => ({
    features: textsOf(features),
    fullNames: options?.fullNames ?? false,
    call: callOf(options),
    ...(options?.asOf === undefined ? {} : { asOf: instantOf(options.asOf, 'asOf') }),
    ...(options?.registryVersion === undefined ? {} : { registryVersion: options.registryVersion }),
  })
  return {
    async historical(features, spine, options) {
      const request = {
        ...common(features, options),
        spine: spineOf(spine),
        knownBySpine: options?.knownBy === 'spine',
      }
      return tableOf(
        await readHistorical(parts, {
          ...request,
          ...(options?.timestamp === undefined ? {} : { timestamp: options.timestamp }),
        }),
      )
    },
    async events(features, options) {
      return tableOf(
        await readEvents(parts, {
          ...common(features, options),
          start: instantOf(options.start, 'start'),
          end: instantOf(options.end, 'end'),
        }),
      )
    },
    async snapshot(features, options) {
      return tableOf(
        await readSnapshot(parts, {
          ...common(features, options),
          at: instantOf(options.at, 'at'),
          includeExpired: options.includeExpired ?? false,
        }),
      )
    },
    async online(features, entities, options) {
      const found = findOnline(parts, textsOf(features), entities, asked(options))
      return onlineRows(found instanceof Promise ? await found : found, options)
    },
    onlineText(features, entities, options) {
      const found = findOnline(parts, textsOf(features), entities, asked(options))
      return found instanceof Promise
        ? found.then((all) => onlineText(all, entities, options))
        : onlineText(found, entities, options)
    },
  }
}

function asked(options: OnlineOptions | OnlineTextOptions | undefined): OnlineReadOptions {
  if (options === undefined) return plain
  const { form, fullNames, includeExpired } = options
  return { form, fullNames, includeExpired, call: callOf(options) }
}

const plain: OnlineReadOptions = Object.freeze({})
