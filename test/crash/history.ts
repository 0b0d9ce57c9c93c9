import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Seeded } from '../../src/testing/seeded.ts'
import { formatInstant } from '../../src/values/instant.ts'
import type { OpenRepository, Variant } from './repository.ts'
import { second } from './repository.ts'

/** A row of the history: of a file or a push to the source (`v`, `w` are columns), or of a push to the view (features). */
interface HistoryRow {
  readonly k: number
  readonly event: bigint
  readonly created: bigint
  readonly v: number
  readonly w: number | null
  readonly of: 'source' | 'view' | 'tombstone'
}

/** What an entity has: the event time of its latest row and its features; null throughout where it has none. */
export interface Vector {
  readonly at: bigint | null
  readonly values: readonly (number | null)[]
}

/** Entities that there may be. */
export const entities = 3000

/** Rows of one file. */
const fileRows = 1200

/**
 * All that was ever written to a repository, by plain means, and what follows from it: the oracle. Event times fall
 * together often; created times never do, so that the latest row of an entity is the one with the greatest of both.
 */
export class History {
  readonly #dir: string
  readonly #random: Seeded
  readonly #files = new Map<string, readonly HistoryRow[]>()
  readonly #pushed: HistoryRow[] = []
  #serial = 0

  constructor(dir: string, random: Seeded) {
    this.#dir = dir
    this.#random = random
  }

  get files(): readonly string[] {
    return [...this.#files.keys()]
  }

  /** Writes a file of the source, a new one or another one in its place. */
  writeFile(name: string, now: bigint): void {
    const rows = Array.from({ length: fileRows }, () => this.#row('source', now))
    const lines = rows.map((r) => `${r.k},${formatInstant(r.event)},${formatInstant(r.created)},${r.v},${r.w}`)
    // In place, as people do: the size differs nearly always, and the time of change does.
    writeFileSync(join(this.#dir, 'data', `${name}.csv`), `k,at,seen,v,w\n${lines.join('\n')}\n`)
    this.#files.set(name, rows)
  }

  removeFile(name: string): void {
    rmSync(join(this.#dir, 'data', `${name}.csv`))
    this.#files.delete(name)
  }

  /** Pushes rows, to the source or to the view. */
  async push(
    opened: OpenRepository,
    push: { of: 'source' | 'view'; to: 'both' | 'offline'; variant: Variant; rows: number },
  ): Promise<void> {
    const rows = Array.from({ length: push.rows }, () => this.#row(push.of, opened.clock.now()))
    const narrow = push.of === 'view' && !push.variant.wide
    const sent = rows.map(({ k, event, created, v, w }) => ({
      k,
      at: event,
      seen: created,
      v,
      ...(narrow ? {} : { w }),
    }))
    const answer = await opened.store.push(push.of === 'view' ? 'latest' : 'things', sent, { to: push.to })
    if (answer.rejected.length > 0) throw new Error(`rejected: ${JSON.stringify(answer.rejected[0])}`)
    this.#pushed.push(...rows.map((r) => (narrow ? { ...r, w: null } : r)))
  }

  /** Deletes an entity now. */
  async remove(opened: OpenRepository): Promise<void> {
    const k = this.#random.int(entities)
    const now = opened.clock.now()
    await opened.store.delete('latest', { k })
    this.#pushed.push({ k, event: now, created: now, v: 0, w: null, of: 'tombstone' })
  }

  /** What every entity has, in the order of their keys. */
  expected(variant: Variant): Vector[] {
    const latest = new Map<number, HistoryRow>()
    for (const row of [...this.#files.values(), this.#pushed].flat()) {
      const other = latest.get(row.k)
      if (other === undefined || row.event > other.event || (row.event === other.event && row.created > other.created))
        latest.set(row.k, row)
    }
    return Array.from({ length: entities }, (_, k) => vectorOf(latest.get(k), variant))
  }

  #row(of: 'source' | 'view', now: bigint): HistoryRow {
    const serial = ++this.#serial
    const event = now - BigInt(5 + this.#random.int(600)) * second
    return { k: this.#random.int(entities), event, created: event + BigInt(serial), v: serial, w: -serial, of }
  }
}

function vectorOf(row: HistoryRow | undefined, { wide, swapped }: Variant): Vector {
  if (row === undefined || row.of === 'tombstone') return { at: null, values: wide ? [null, null] : [null] }
  return { at: row.event, values: [swapped && row.of === 'source' ? row.w : row.v, ...(wide ? [row.w] : [])] }
}
