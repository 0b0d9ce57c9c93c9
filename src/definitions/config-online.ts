import { resolve } from 'node:path'
import type { Config } from '../define/config.ts'
import type { ConfigBody } from '../define/grammar-config.ts'
import {
  type NearCacheSettings,
  type OnlineGroup,
  type OnlineSettings,
  numbersOf,
  onlineGroups,
} from '../define/online-settings.ts'
import type { Path } from '../define/place.ts'
import { numberOf } from './config-number.ts'

type OnlineBody = NonNullable<ConfigBody['online']>

/** Where the embedded online store lies unless it is said. */
export const usualOnline = '.provender/online'

/** What is wrong with the online section, beyond its shape. */
export function onlineProblems(
  online: OnlineBody,
): { readonly path: Path; readonly detail: string; readonly remedy: string }[] {
  if (typeof online === 'string') return []
  const problems = []
  const { url, cluster, ...settings } = online
  if (url !== undefined && cluster !== undefined)
    problems.push({
      path: ['online'],
      detail: 'online has both `url` and `cluster`',
      remedy: 'Write `url:` for one server, `cluster:` for the nodes of a Redis Cluster.',
    })
  const [first] = Object.entries(settings).find(([, value]) => value !== undefined) ?? []
  const places = cluster ?? [url ?? '']
  if (first !== undefined && !places.every((place) => /^rediss?:/.test(place)))
    problems.push({
      path: ['online', first],
      detail: `online.${first} is a setting of Redis`,
      remedy: `Leave it out, or write redis://… or rediss://… for the online store.`,
    })
  for (const group of onlineGroups)
    for (const [name, { least, most }] of Object.entries(numbersOf(group))) {
      const value = online[group]?.[name]
      const number = numberOf(value)
      if (value === undefined || (Number.isInteger(number) && number >= least && number <= most)) continue
      problems.push({
        path: ['online', group, name],
        detail: `online.${group}.${name} must be a whole number from ${least} to ${most}`,
        remedy: 'Change the number.',
      })
    }
  return problems
}

/** The online section with its defaults. */
export function compileOnline(online: OnlineBody, place: (text: string) => string, dir: string): Config['online'] {
  if (typeof online === 'string') return Object.freeze({ url: place(online) })
  const { url = usualOnline, cluster, ca, wait, nearCache } = online
  const settings: OnlineSettings = {
    ...(ca === undefined ? {} : { ca: resolve(dir, ca) }),
    ...(wait === undefined ? {} : { wait: filled('wait', wait) as Required<OnlineSettings>['wait'] }),
    ...(nearCache === undefined ? {} : { nearCache: filled('nearCache', nearCache) as NearCacheSettings }),
  }
  return Object.freeze(
    cluster === undefined ? { url: place(url), ...settings } : { cluster: Object.freeze([...cluster]), ...settings },
  )
}

function filled(group: OnlineGroup, given: Readonly<Record<string, unknown>>): object {
  const entries = Object.entries(numbersOf(group)).map(([name, { usual }]) => [
    name,
    given[name] === undefined ? usual : numberOf(given[name]),
  ])
  return Object.freeze(Object.fromEntries(entries) as Record<string, number>)
}
