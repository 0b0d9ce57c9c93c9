import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type Family, familyOf } from './metric-family.ts'

/** Between two samples; the monitor counts it as delay. */
const sampleMs = 10
/** Over how long delays are averaged. One long step among many short ones does not raise the mean, a loop that is always late does. */
const windowMs = 500

/** How late the event loop is. Sampling costs nothing per request. */
export class LoopDelay implements Disposable {
  readonly #histogram = monitorEventLoopDelay({ resolution: sampleMs })
  readonly #timer: NodeJS.Timeout
  /** Of all samples since the last scrape, when the window began. */
  #counted = { count: 0, sumMs: 0 }
  readonly #tell: (recentMs: number) => void

  /** @param tell hears each half second how late the loop was in it on average, in milliseconds */
  constructor(tell: (recentMs: number) => void) {
    this.#tell = tell
    this.#histogram.enable()
    this.#timer = setInterval(() => this.#look(), windowMs).unref()
  }

  #look(): void {
    const { count, mean } = this.#histogram
    const sumMs = count === 0 ? 0 : (mean * count) / 1e6
    const samples = count - this.#counted.count
    if (samples > 0) this.#tell(Math.max(0, (sumMs - this.#counted.sumMs) / samples - sampleMs))
    this.#counted = { count, sumMs }
  }

  /** The delays since the last scrape, by the names that everybody's dashboards know. */
  families(): Family[] {
    const histogram = this.#histogram
    const of = (which: string, help: string, ns: number): Family =>
      familyOf({ name: `nodejs_eventloop_lag_${which}_seconds`, help, type: 'gauge', aggregator: 'max' }, [
        { labels: {}, value: Number.isFinite(ns) ? Math.max(0, ns / 1e9 - sampleMs / 1000) : 0 },
      ])
    const families = [
      of('mean', 'Mean delay of the event loop since the last scrape; of the latest worker', histogram.mean),
      of('p99', '99 % of the delays of the event loop since the last scrape are below', histogram.percentile(99)),
      of('max', 'Longest delay of the event loop since the last scrape', histogram.max),
    ]
    histogram.reset()
    this.#counted = { count: 0, sumMs: 0 }
    return families
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#histogram.disable()
  }
}
