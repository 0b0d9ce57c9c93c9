/** A family of series as it travels between worker processes and is written for a scrape: what prom-client joins and writes. */
export interface Family {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** How the series of several processes become one: counts and sizes add up; of what all know alike the greatest is true. */
  readonly aggregator: 'sum' | 'max' | 'min'
  readonly values: readonly SeriesValue[]
}

export interface SeriesValue {
  readonly labels: Labels
  readonly value: number
  /** Where it is not that of the family. */
  readonly metricName?: string
}

export type Labels = Readonly<Record<string, string | number>>

/** What a family is called, and what it tells. */
export type FamilyTerms = Pick<Family, 'name' | 'help' | 'type'> & Partial<Pick<Family, 'aggregator'>>

/** Counts how often a value fell below each bound. Adding costs a few nanoseconds. */
export class Histogram {
  readonly #bounds: readonly number[]
  readonly #counts: number[]
  #sum = 0

  /** @param bounds ascending; what is above the last is counted too */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = Array.from({ length: bounds.length + 1 }, () => 0)
  }

  add(value: number): void {
    const bounds = this.#bounds
    let i = 0
    while (i < bounds.length && value > (bounds[i] ?? 0)) i++
    this.#counts[i] = (this.#counts[i] ?? 0) + 1
    this.#sum += value
  }

  get count(): number {
    return this.#counts.reduce((sum, each) => sum + each, 0)
  }

  values(name: string, labels: Labels): SeriesValue[] {
    let below = 0
    const buckets = this.#counts.map((count, i) => {
      below += count
      return { metricName: `${name}_bucket`, labels: { ...labels, le: this.#bounds[i] ?? '+Inf' }, value: below }
    })
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: this.#sum },
      { metricName: `${name}_count`, labels, value: below },
    ]
  }
}

/** A number that goes up. */
export class Counter {
  value = 0

  add(value = 1): void {
    this.value += value
  }

  values(_name: string, labels: Labels): SeriesValue[] {
    return [{ labels, value: this.value }]
  }
}

/** How many series the families of things that users name may have together; the rest is counted and not told. */
export class SeriesBudget {
  readonly #limit: number
  readonly #taken = new Set<string>()
  readonly #dropped = new Set<string>()

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Takes the place of a series, once; false where there is none left. */
  take(series: string): boolean {
    if (this.#taken.has(series)) return true
    if (this.#taken.size >= this.#limit) {
      this.#dropped.add(series)
      return false
    }
    this.#taken.add(series)
    return true
  }

  /** A gauge of how many were refused. */
  family(): Family {
    const help = `Series that are not told, since there are more than ${this.#limit}`
    return familyOf({ name: 'provender_metrics_dropped_series', help, type: 'gauge', aggregator: 'max' }, [
      { labels: {}, value: this.#dropped.size },
    ])
  }
}

/** The series of one family by their labels. */
export class Series<Meter extends Histogram | Counter> {
  readonly #terms: FamilyTerms
  readonly #newMeter: () => Meter
  readonly #budget: SeriesBudget | undefined
  readonly #found = new Map<string, { readonly labels: Labels; readonly meter: Meter }>()
  /** What takes the counts of series beyond the budget. */
  readonly #sink: Meter

  constructor(terms: FamilyTerms, newMeter: () => Meter, budget?: SeriesBudget) {
    this.#terms = terms
    this.#newMeter = newMeter
    this.#budget = budget
    this.#sink = newMeter()
  }

  /** The meter of these labels, at 0 when they are first asked for. Keep it: adding to it costs nothing. */
  of(labels: Labels): Meter {
    const key = JSON.stringify(labels)
    const known = this.#found.get(key)
    if (known !== undefined) return known.meter
    if (this.#budget?.take(`${this.#terms.name}${key}`) === false) return this.#sink
    const meter = this.#newMeter()
    this.#found.set(key, { labels, meter })
    return meter
  }

  get family(): Family {
    const { name } = this.#terms
    return familyOf(
      this.#terms,
      [...this.#found.values()].flatMap(({ labels, meter }) => meter.values(name, labels)),
    )
  }
}

/** A family of values that were found somewhere else. */
export const familyOf = (terms: FamilyTerms, values: readonly SeriesValue[]): Family => ({
  aggregator: 'sum',
  ...terms,
  values,
})
