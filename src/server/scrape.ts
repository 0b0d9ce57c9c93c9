import { AggregatorRegistry, type PrometheusContentType } from 'prom-client'
import type { Family } from './metric-family.ts'

/** What a process of a server tells at a scrape: its own series, and those that all processes see alike. */
export interface Scraped {
  /** Of this process alone. */
  readonly own: () => readonly Family[]
  /** Read once, by the process that was asked. */
  readonly shared: () => Promise<readonly Family[]>
}

/** The series of the other processes of a server, the dead ones' last counts among them. */
export type OtherParts = () => Promise<readonly (readonly Family[])[]>

/** The content type of a scrape. */
export const scrapeType = 'text/plain; version=0.0.4; charset=utf-8'

/** The text of a scrape: the series of all processes of a server, joined. @throws STORE_UNREACHABLE where the others cannot be asked: part of the truth would look like a restart. */
export async function scrapeText({ own, shared }: Scraped, others: OtherParts | undefined): Promise<string> {
  const [rest, common] = await Promise.all([others?.() ?? [], shared()])
  // Only now: what is shared makes known what there is to count.
  return AggregatorRegistry.aggregate<PrometheusContentType>([[...own(), ...common], ...rest]).metrics()
}
