import type { Telemetry, ViewStanding } from '../contract/store.ts'
import { asProvenderError, fail } from '../kernel/errors.ts'
import type { ServerContext } from './context.ts'
import { type Family, type FamilyTerms, type SeriesBudget, familyOf } from './metric-family.ts'
import type { Metrics } from './metrics.ts'

/** How long a scrape waits for the store: scrapers are given ten seconds, and other things to tell. */
const waitMs = 1000

interface Gauge extends Pick<FamilyTerms, 'name' | 'help'> {
  /** In microseconds; null where there is nothing to tell. */
  readonly of: (standing: ViewStanding) => bigint | null
}

/** Instants, not ages: the age of what a hung store told last would stand still. */
const gauges: readonly Gauge[] = [
  {
    name: 'provender_feature_view_max_event_timestamp_seconds',
    help: 'Newest event time that is served',
    of: ({ newestEvent }) => newestEvent,
  },
  {
    name: 'provender_feature_view_freshness_slo_seconds',
    help: 'How old the newest event time may be, as the view promises',
    of: ({ freshnessUs }) => freshnessUs,
  },
  {
    name: 'provender_feature_view_ttl_seconds',
    help: 'Age from which on values are withheld; not told where there is none',
    of: ({ ttlUs }) => (ttlUs === 0n ? null : ttlUs),
  },
  {
    name: 'provender_push_log_caught_up_timestamp_seconds',
    help: 'What was pushed until then is online; the present where nothing waits',
    of: ({ caughtUpTo }) => caughtUpTo,
  },
  {
    name: 'provender_materialization_last_success_timestamp_seconds',
    help: 'End of the last good materialization, whichever process ran it',
    of: ({ lastSuccess }) => lastSuccess,
  },
]

/** How the views stand, read from the store when a scrape asks. */
export class ViewGauges {
  readonly #telemetry: Telemetry | undefined
  readonly #budget: SeriesBudget
  readonly #know: Metrics['know']
  readonly #log: ServerContext['log']
  #reading: Promise<void> | undefined
  #last: readonly ViewStanding[] = []

  /** @param counting where series of views come from, and who is to know which there are */
  constructor(
    telemetry: Telemetry | undefined,
    counting: { readonly budget: SeriesBudget; readonly metrics: Pick<Metrics, 'know'> },
    log: ServerContext['log'],
  ) {
    this.#telemetry = telemetry
    this.#budget = counting.budget
    this.#know = counting.metrics.know
    this.#log = log
  }

  /** What the store says; within a second what it said last, where it does not answer. One reading is under way at most. */
  async families(): Promise<Family[]> {
    const timer = Promise.withResolvers<void>()
    const late = setTimeout(() => {
      this.#log.warn('The store did not say in time how the views stand: the scrape has what it said last')
      timer.resolve()
    }, waitMs)
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined))
    await Promise.race([this.#reading, timer.promise])
    clearTimeout(late)
    return gauges.map(({ name, help, of }) =>
      familyOf(
        { name, help, type: 'gauge', aggregator: 'max' },
        this.#last.flatMap((standing) => {
          const us = of(standing)
          if (us === null || !this.#budget.take(`${name} ${standing.view}`)) return []
          return [{ labels: { feature_view: standing.view }, value: Number(us) / 1e6 }]
        }),
      ),
    )
  }

  async #read(): Promise<void> {
    if (this.#telemetry === undefined) return
    const { signal, abort } = expiring()
    try {
      this.#last = await this.#telemetry.standing({ signal, timeoutMs: waitMs })
      for (const { view, pushSource } of this.#last) this.#know(view, pushSource)
    } catch (thrown) {
      const { code, message, cause } = asProvenderError(thrown)
      // That it is late is said by who waited.
      if (code !== 'DEADLINE_EXCEEDED')
        this.#log.warn({ err: cause, code }, `The store could not say how the views stand: ${message}`)
    } finally {
      abort()
    }
  }
}

/** A signal that ends what goes on though nobody waits for it. */
function expiring(): { readonly signal: AbortSignal; readonly abort: () => void } {
  const controller = new AbortController()
  const timer = setTimeout(
    () => controller.abort(fail('DEADLINE_EXCEEDED', `The views were not read within ${waitMs} ms`)),
    waitMs,
  )
  return { signal: controller.signal, abort: () => clearTimeout(timer) }
}
