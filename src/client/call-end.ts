import type { CallOptions } from '../contract/store.ts'
import { checkCall } from '../kernel/call.ts'
import { type ProvenderError, fail } from '../kernel/errors.ts'
import { clientLimits } from './client-limits.ts'

/** What a call may take. */
export interface Allowed {
  readonly options: CallOptions | undefined
  /** The deadline where the caller has none; null for none. */
  readonly usualMs: number | null
  /** Aborted, with its reason, when the store is closed. */
  readonly closing: AbortSignal
}

/** The error for a server that takes too long. */
export const tooLate = (ms: number): ProvenderError =>
  fail('DEADLINE_EXCEEDED', `The server did not answer within ${Math.round(ms)} ms`)

/** When one call ends, whatever ends it: the caller's signal or deadline, or the closing of the store. */
export class CallEnd implements Disposable {
  readonly #end = new AbortController()
  readonly #sources: readonly AbortSignal[]
  #timer: NodeJS.Timeout | undefined
  #endsAtMs = Number.POSITIVE_INFINITY
  /** How long it may take, all of it where the caller said so, else each wait for the server. */
  readonly #allowedMs: number
  /** The caller's own deadline; undefined where it is the usual one. */
  readonly #ownMs: number | undefined
  readonly #aborted = (event: Event): void => this.#stop((event.target as AbortSignal).reason)

  /** @throws CLOSED; INTERRUPTED or the signal's own reason; DEADLINE_EXCEEDED where nothing is left at all. */
  constructor({ options, usualMs, closing }: Allowed) {
    if (closing.aborted) throw closing.reason
    const { signal, timeoutMs } = options ?? {}
    checkCall({ signal })
    if (timeoutMs !== undefined && timeoutMs <= 0)
      throw fail('DEADLINE_EXCEEDED', 'The deadline passed before the work began')
    this.#ownMs = timeoutMs
    this.#allowedMs = timeoutMs ?? (usualMs === null ? Number.POSITIVE_INFINITY : usualMs + clientLimits.graceMs)
    this.#sources = signal === undefined ? [closing] : [closing, signal]
    for (const source of this.#sources) source.addEventListener('abort', this.#aborted)
    this.#wind()
  }

  #wind(): void {
    this.#endsAtMs = performance.now() + this.#allowedMs
    if (this.#allowedMs === Number.POSITIVE_INFINITY) return
    const late = (): void => this.#end.abort(tooLate(this.#allowedMs))
    // Whoever waits for an answer is kept alive by the connection.
    this.#timer = setTimeout(late, Math.min(this.#allowedMs, clientLimits.longestMs)).unref()
  }

  /** The time begins: the server is waited for. The caller's own deadline runs on as it does. */
  wait(): void {
    if (this.#ownMs === undefined && this.#timer === undefined) this.#wind()
  }

  /** The time stands still: it is the caller who takes it, by reading what the server has sent. */
  pause(): void {
    if (this.#ownMs !== undefined) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#endsAtMs = Number.POSITIVE_INFINITY
  }

  /** Aborted with a reason that is an error of the table. */
  get signal(): AbortSignal {
    return this.#end.signal
  }

  /** Why it ended; undefined while it goes on. */
  get reason(): ProvenderError | undefined {
    return this.signal.aborted ? (this.signal.reason as ProvenderError) : undefined
  }

  get leftMs(): number {
    return this.#endsAtMs - performance.now()
  }

  /** How long nothing may come of an answer; undefined where the caller's own deadline says when it ends. */
  get silenceMs(): number | undefined {
    return this.#ownMs === undefined && this.#allowedMs !== Number.POSITIVE_INFINITY ? this.#allowedMs : undefined
  }

  /** `x-timeout-ms`, where the caller has a deadline; the usual one the server knows by itself. */
  get headerMs(): number | undefined {
    if (this.#ownMs === undefined) return undefined
    return Math.min(Math.max(1, Math.ceil(this.leftMs)), clientLimits.longestMs)
  }

  /** Waits. @throws why the call ended meanwhile. */
  async sleep(ms: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, ms)
    const stop = (): void => reject(this.reason ?? fail('INTERRUPTED', 'The call was aborted'))
    if (this.signal.aborted) stop()
    else this.signal.addEventListener('abort', stop)
    try {
      await promise
    } finally {
      clearTimeout(timer)
      this.signal.removeEventListener('abort', stop)
    }
  }

  #stop(reason: unknown): void {
    try {
      checkCall({ signal: AbortSignal.abort(reason) })
    } catch (thrown) {
      this.#end.abort(thrown)
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    for (const source of this.#sources) source.removeEventListener('abort', this.#aborted)
  }
}
