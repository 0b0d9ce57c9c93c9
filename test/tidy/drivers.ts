import type { Law } from './breach.ts'
import { roomOf } from './floors.ts'
import { importsOf } from './imports.ts'

/** Packages that only some rooms may import. A driver elsewhere is a leak of its engine. */
const roomsOf: ReadonlyMap<string, readonly string[]> = new Map([
  ['@duckdb/node-api', ['engines/duckdb']],
  ['lmdb', ['engines/lmdb']],
  ['node:sqlite', ['engines/sqlite']],
  ['pg', ['engines/postgres']],
  ['pg-copy-streams', ['engines/postgres']],
  ['ioredis', ['engines/redis']],
  ['@platformatic/kafka', ['engines/kafka']],
  ['kysely', ['metadata', 'engines/sqlite', 'engines/postgres']],
  ['fastify', ['server']],
  ['commander', ['cli']],
  ['@commander-js/extra-typings', ['cli']],
  ['@clack/prompts', ['cli']],
])

export const drivers: Law = {
  name: 'drivers',
  demands: 'a driver is imported only by its own engine, the web framework by server/, prompts and arguments by cli/',
  check: ({ sources }) =>
    [...sources.values()].flatMap((source) => {
      const room = roomOf(source.path)
      if (room === undefined) return []
      return importsOf(source).flatMap(({ specifier, line }) => {
        const allowed = roomsOf.get(specifier)
        if (allowed === undefined || allowed.includes(room)) return []
        return [
          { law: 'drivers', path: source.path, line, detail: `imports ${specifier}; only ${allowed.join(', ')} may` },
        ]
      })
    }),
}
