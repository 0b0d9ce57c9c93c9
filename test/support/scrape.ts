/** One series of a scrape. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** What a scrape says, read as Prometheus would. */
export interface Scrape {
  readonly samples: readonly Sample[]
  readonly types: ReadonlyMap<string, string>
  /** The one series of that name whose labels hold these; undefined where there is none. */
  readonly valueOf: (name: string, labels?: Readonly<Record<string, string>>) => number | undefined
}

/** Reads the text format of Prometheus. Throws for a line that is none. */
export function parseScrape(text: string): Scrape {
  const samples: Sample[] = []
  const types = new Map<string, string>()
  for (const line of text.split('\n')) {
    const type = /^# TYPE (\w+) (counter|gauge|histogram)$/.exec(line)
    if (type !== null) types.set(type[1] ?? '', type[2] ?? '')
    if (line === '' || line.startsWith('# ')) continue
    const match = /^(\w+)(?:\{(.*)\})? (-?[\d.e+-]+|NaN|[+-]Inf)$/.exec(line)
    if (match === null) throw new Error(`No line of a scrape: ${line}`)
    const labels = [...(match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [name, value])
    samples.push({
      name: match[1] ?? '',
      labels: Object.fromEntries(labels) as Record<string, string>,
      value: Number(match[3]),
    })
  }
  return {
    samples,
    types,
    valueOf: (name, labels = {}) =>
      samples.find(
        (each) => each.name === name && Object.entries(labels).every(([label, value]) => each.labels[label] === value),
      )?.value,
  }
}

/** Scrapes a server. */
export async function scrape(url: string): Promise<Scrape> {
  const answer = await fetch(`${url}/metrics`)
  if (answer.status !== 200) throw new Error(`/metrics: ${answer.status} ${await answer.text()}`)
  return parseScrape(await answer.text())
}
