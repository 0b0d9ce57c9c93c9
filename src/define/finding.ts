import { type ErrorCode, type ProvenderError, fail } from '../kernel/errors.ts'
import { nearest } from '../kernel/nearest.ts'
import type { Part, Path, Spot } from './place.ts'

/** Something wrong at a place of a part. */
export interface Finding {
  readonly code: ErrorCode
  readonly part: Part
  readonly path: Path
  readonly spot: Spot
  readonly detail: string
  /** Better than the error table's. */
  readonly remedy?: string | undefined
  /** A few words after the marker. */
  readonly hint?: string | undefined
}

/** The errors of all findings, in the order of the parts and of the places within each. */
export function toErrors(parts: readonly Part[], findings: readonly Finding[]): ProvenderError[] {
  const rank = new Map(parts.map((part, i) => [part, i]))
  const placed = findings.map((finding) => ({
    finding,
    place: finding.part.locate(finding.path, finding.spot, finding.hint),
  }))
  placed.sort(
    (a, b) => (rank.get(a.finding.part) ?? 0) - (rank.get(b.finding.part) ?? 0) || a.place.offset - b.place.offset,
  )
  return placed.map(({ finding, place }) =>
    fail(finding.code, finding.detail, {
      at: place.at === '' ? undefined : place.at,
      remedy: finding.remedy,
      excerpt: place.excerpt,
    }),
  )
}

/** A hint and a remedy for a name that is none of the candidates. */
export function suggest(name: string, candidates: readonly string[], what: string): { hint?: string; remedy?: string } {
  const near = nearest(name, candidates)
  const listed = candidates.length === 0 ? `There are no ${what}` : `The ${what}: ${listNames(candidates)}`
  if (near === undefined) return candidates.length === 0 ? {} : { remedy: `${listed}.` }
  return { hint: `did you mean "${near}"?`, remedy: `Write "${near}". ${listed}.` }
}

const shownNames = 12

/** Names as a sentence lists them; the rest of a long list is counted. */
export function listNames(names: readonly string[]): string {
  const shown = names.slice(0, shownNames).join(', ')
  return names.length > shownNames ? `${shown} and ${names.length - shownNames} more` : shown
}
