import { problemType } from '../../src/contract/route.ts'
import type { Dice } from './dice.ts'
import { type MutationClass, json, joined, ofQuery, parts, plain, withHeaders } from './mutant.ts'
import { oddWords, otherBodies, strangeNames } from './odd-values.ts'

const strangeParameter = (dice: Dice): string =>
  encodeURIComponent(dice.pick(strangeNames.filter((name) => name !== '')))

const textTypes = ['text/csv', 'application/x-ndjson', 'application/vnd.apache.parquet', 'application/yaml'] as const
/** Ways to change the headers of a request, and what they say of its body. */
export const headerClasses: readonly MutationClass[] = [
  {
    name: 'a content type that is not taken',
    codes: ['UNSUPPORTED_MEDIA_TYPE'],
    mayBeGood: false,
    mutate: (dice, good, route) =>
      good.body === undefined
        ? undefined
        : {
            ...plain(good, route),
            headers: {
              'content-type': dice.pick([
                'text/plain',
                'application/xml',
                'json',
                ';',
                'application/json+x',
                'multipart/form-data; boundary=x',
                'application/x-www-form-urlencoded',
                problemType,
                'application/jsonx',
                '*/*',
              ]),
            },
          },
  },
  {
    name: 'a body of another type',
    codes: 'any',
    mayBeGood: true,
    mutate: (dice, good, route) => {
      if (good.body === undefined) return undefined
      const [before, query] = parts(good.path)
      const more = dice.pick([
        [],
        ['features=airport_delays'],
        ['features=airport_delays', 'features=archive'],
        ['parentVersion=9'],
        ['asOf=soon'],
      ])
      return {
        method: route.method,
        // What is applied as YAML is always too late.
        path: joined(before, [...query, ...(route.path === '/v1/apply' ? ['parentVersion=9'] : more)]),
        headers: { 'content-type': dice.pick(textTypes), accept: dice.pick(['*/*', ...route.answers]) },
        body: dice.pick(otherBodies),
      }
    },
  },
  {
    name: 'a packed body',
    codes: ['UNSUPPORTED_MEDIA_TYPE'],
    mayBeGood: false,
    mutate: (dice, good, route) =>
      good.body === undefined
        ? undefined
        : {
            ...plain(good, route),
            headers: { ...json, 'content-encoding': dice.pick(['gzip', 'br', 'deflate', 'x', 'gzip, gzip']) },
          },
  },
  {
    name: 'another answer',
    codes: ['UNSUPPORTED_MEDIA_TYPE'],
    mayBeGood: true,
    mutate: withHeaders((dice) => ({
      accept: dice.pick([
        'text/html',
        'text/html, */*;q=0.1',
        'image/*',
        'application/*',
        '*/*;q=0',
        'application/json;q=0, text/csv',
        'text/csv;q=x',
        ';',
        'x'.repeat(300),
        ',,,',
        'TEXT/CSV',
      ]),
    })),
  },
  {
    name: 'a deadline that is none',
    codes: ['BAD_REQUEST'],
    mayBeGood: false,
    mutate: withHeaders((dice) => ({
      'x-timeout-ms': dice.pick([
        '',
        '0',
        '-1',
        '1.5',
        'soon',
        '86400001',
        '1e3',
        '0x10',
        '1,2',
        '9'.repeat(30),
        '5 ms',
      ]),
    })),
  },
  {
    name: 'a deadline that is short',
    codes: ['DEADLINE_EXCEEDED'],
    mayBeGood: true,
    mutate: withHeaders((dice) => ({ 'x-timeout-ms': dice.pick(['1', '2', '3']) })),
  },
  {
    name: 'an id that is none',
    codes: [],
    mayBeGood: true,
    mutate: withHeaders((dice) => ({
      'x-request-id': dice.pick(['', ' ', 'a b', 'é', 'x'.repeat(129), '<x>', 'a,b', '"', '../x']),
    })),
  },
  {
    name: 'headers of others',
    codes: [],
    mayBeGood: true,
    mutate: withHeaders((dice) =>
      dice.pick([
        { authorization: 'Bearer x' },
        { cookie: 'a=b' },
        { range: 'bytes=0-1' },
        { 'if-none-match': '*' },
        { origin: 'null' },
        { 'x-forwarded-for': 'x' },
        { te: 'trailers' },
        { 'x-http-method-override': 'DELETE' },
        { host: 'elsewhere' },
        { 'idempotency-key-x': '1' },
      ]),
    ),
  },
  {
    name: 'a header of the route that is wrong',
    codes: ['BAD_REQUEST'],
    mayBeGood: false,
    mutate: withHeaders((dice, { headers }) => {
      const own = headers.filter((name) => name !== 'content-disposition')
      return own.length === 0
        ? undefined
        : { [dice.pick(own)]: dice.pick(['', 'x'.repeat(256), 'x'.repeat(1000), 'é'.repeat(200)]) }
    }),
  },
  {
    name: 'an idempotency key that was used',
    codes: ['IDEMPOTENCY_MISMATCH'],
    mayBeGood: false,
    mutate: (dice, _, route) =>
      route.path === '/v1/push/{target}'
        ? {
            method: 'POST',
            path: '/v1/push/taps',
            headers: { ...json, 'idempotency-key': 'used' },
            body: `{"rows":[{"driver_id":${1000 + dice.below(1000)}}]}`,
          }
        : undefined,
  },
]

/** Ways to change the path, the query string and the method of a request. */
export const pathClasses: readonly MutationClass[] = [
  {
    name: 'an unknown parameter',
    codes: ['UNKNOWN_MEMBER', 'BAD_REQUEST'],
    mayBeGood: false,
    mutate: ofQuery((dice, query, { keysInQuery }) => [
      ...query,
      `${keysInQuery ? '_' : ''}${strangeParameter(dice)}=${dice.pick(oddWords)}`,
    ]),
  },
  {
    name: 'a parameter of another value',
    codes: 'any',
    mayBeGood: true,
    mutate: ofQuery((dice, query, route) => {
      const names = [...Object.keys(route.query.shape), ...query.map((each) => each.split('=')[0] ?? '')]
      if (names.length === 0) return undefined
      const name = dice.pick(names)
      return [...query.filter((each) => !each.startsWith(`${name}=`)), `${name}=${dice.pick(oddWords)}`]
    }),
  },
  {
    name: 'a parameter missing',
    codes: 'any',
    mayBeGood: true,
    mutate: ofQuery((dice, query) =>
      query.length === 0 ? undefined : query.filter((_, i) => i !== dice.below(query.length)),
    ),
  },
  {
    name: 'a parameter twice',
    codes: ['BAD_REQUEST'],
    mayBeGood: false,
    mutate: ofQuery((dice, query) => (query.length === 0 ? undefined : [...query, dice.pick(query)])),
  },
  {
    name: 'a strange join key',
    codes: ['UNKNOWN_COLUMN', 'UNKNOWN_MEMBER'],
    mayBeGood: false,
    mutate: ofQuery((dice, query, { keysInQuery }) =>
      keysInQuery
        ? [...query, `${dice.pick([strangeParameter(dice), '__proto__', '__proto__[x]'])}=${dice.pick(['1', '', 'x'])}`]
        : undefined,
    ),
  },
  {
    name: 'a query that cannot be decoded',
    codes: ['BAD_REQUEST'],
    mayBeGood: false,
    mutate: ofQuery((dice, query) => [
      ...query,
      `x=${dice.pick(['%', '%zz', '%ff', '%c3%28', '%E0%80%80', '%ed%a0%80'])}`,
    ]),
  },
  {
    name: 'a path that cannot be decoded',
    codes: ['BAD_REQUEST'],
    mayBeGood: false,
    mutate: (dice, good, route) => ({
      ...plain(good, route),
      path: `${dice.pick(['/v1/views/', '/v1/online/', '/nothing/', '/'])}${dice.pick(['%', '%zz', '%ff', '%c3%28'])}`,
    }),
  },
  {
    name: 'a word of the path that is another',
    codes: 'any',
    mayBeGood: true,
    mutate: (dice, good, route) => {
      const names = route.path.split('/')
      const [before, query] = parts(good.path)
      const at = names.flatMap((name, i) => (name.startsWith('{') ? [i] : []))
      if (at.length === 0) return undefined
      const chosen = dice.pick(at)
      // What is empty, or dots, is another path.
      const word = dice.pick(oddWords.filter((each) => each !== ''))
      return {
        ...plain(good, route),
        path: joined(
          before
            .split('/')
            .map((each, i) => (i === chosen ? word : each))
            .join('/'),
          query,
        ),
      }
    },
  },
  {
    name: 'a path that is not there',
    codes: ['UNKNOWN_ROUTE'],
    mayBeGood: false,
    mutate: (dice, good, route) => {
      const [before, query] = parts(good.path)
      const changed = dice.pick([
        `/${before}`,
        `/x${before}`,
        `${before}/a/b/c/d`,
        `${before.slice(0, 1)}${before.slice(1).toUpperCase().replaceAll('%2F', '%2f')}`,
        `/%76${before}`,
      ])
      return { ...plain(good, route), path: joined(changed, query) }
    },
  },
  {
    name: 'another method',
    codes: ['METHOD_NOT_ALLOWED'],
    mayBeGood: false,
    mutate: (dice, good, route) => ({
      ...plain(good, route),
      method: dice.pick(['PUT', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY', 'LINK', 'PURGE', 'MERGE']),
    }),
  },
]
