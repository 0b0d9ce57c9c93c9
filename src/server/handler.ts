import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import type { output, ZodType } from 'zod'
import type { MediaType, ParameterOf, problemType, Route } from '../contract/route.ts'
import type { Routes } from '../contract/routes.ts'
import type { CallOptions } from '../contract/store.ts'

/** A body that is not JSON: a text, or bytes that are still to be read. */
export interface OtherBody {
  readonly media: MediaType
  readonly content: string | Readable
}

/** The options of a query string that has none. */
export const noOptions: Readonly<Record<string, never>> = Object.freeze({})

type JsonOf<R extends Route> = R['body'] extends ZodType ? output<R['body']> : undefined

/** A route that takes other bodies too has no JSON where one of those came. */
type BodyOf<R extends Route> = R['accepts'] extends readonly [unknown, unknown, ...unknown[]]
  ? JsonOf<R> | undefined
  : JsonOf<R>

/** A request as its handler gets it: checked by the schemas of its route. */
export interface Asked<R extends Route> {
  readonly params: Readonly<Record<ParameterOf<R['path']>, string>>
  readonly query: output<R['query']>
  /** The parameters of the query string that are no options: join keys. */
  readonly keys: Readonly<Record<string, string>>
  readonly body: BodyOf<R>
  readonly other: OtherBody | undefined
  readonly headers: IncomingHttpHeaders
  /** The form of the answer that `accept` picks among those of the route. */
  readonly wanted: MediaType
  /** The deadline alone, for work that is over before anybody could abort it. */
  readonly deadline: Pick<CallOptions, 'timeoutMs'>
  /** The deadline, and a signal that is aborted when the client goes away or the server stops. */
  readonly call: CallOptions
}

/** An answer that is not the JSON text of its route's status. */
export interface Reply {
  readonly status?: number
  readonly media?: MediaType | typeof problemType
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string | Readable
}

/** Answers one route: JSON text, or a reply. */
export type Handler<R extends Route> = (asked: Asked<R>) => Promise<string | Reply> | string | Reply

/** A handler for every route of the table. */
export type Handlers = { readonly [N in keyof Routes]: Handler<Routes[N]> }
