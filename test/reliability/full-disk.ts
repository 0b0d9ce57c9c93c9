import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type DiskSize, type DiskUser, type Told, startOnSmallDisk } from './small-disk.ts'

/** What a call comes to: it works; it is refused for want of room; the one or the other. */
export type Outcome = 'works' | 'full' | 'either'

/** Rows that a file of the source has from the start. */
const fileRows = 1000

/** A process some of whose stores lie on a disk that is made full and freed, and what it was told to be there. Its end is its own, in peace. */
export class FullDisk implements AsyncDisposable {
  readonly #user: DiskUser
  readonly #acknowledged = new Set<number>()
  /** Of pushes that were refused: they may be history or not. */
  readonly #refused = new Set<number>()
  #next = fileRows

  private constructor(user: DiskUser) {
    this.#user = user
  }

  static async start(dir: string, stores: string, more: Partial<DiskSize> = {}): Promise<FullDisk> {
    const user = startOnSmallDisk('disk-user.ts', dir, { megabytes: 128, ...more }, [stores])
    expect(await user.ask('versions')).toEqual({ value: [] })
    const rows = Array.from(
      { length: fileRows },
      (_, k) => `${k},2025-12-31T23:00:00Z,2025-12-31T23:00:00Z,${k},${k}\n`,
    )
    writeFileSync(join(dir, 'data', 'a.csv'), `k,at,seen,v,w\n${rows.join('')}`)
    return new FullDisk(user)
  }

  /** Leaves some bytes on the disk. */
  async fill(left: number): Promise<void> {
    await this.works('fill', { left })
  }

  async works(call: string, asked?: unknown): Promise<unknown> {
    const { code, detail, value } = await this.#user.ask(call, asked)
    expect([call, code, detail]).toEqual([call, undefined, undefined])
    return value
  }

  async comesTo(outcome: Outcome, call: string, asked?: unknown): Promise<void> {
    if (call === 'push') {
      await this.push(100, outcome)
      return
    }
    const told = await this.#user.ask(call, asked)
    if (outcome === 'full' || told.code !== undefined) expectFull(outcome, call, told)
  }

  /** Pushes rows; answers whether there was room. */
  async push(rows: number, outcome: Outcome = 'works'): Promise<boolean> {
    const numbers = Array.from({ length: rows }, () => this.#next++)
    await this.works('tick')
    const keyed = this.#next % 3 === 0
    const told = await this.#user.ask(keyed ? 'pushKeyed' : 'push', { from: numbers[0], count: rows })
    if (told.code !== undefined || outcome === 'full') {
      expectFull(outcome, 'push', told)
      for (const number of numbers) this.#refused.add(number)
      return false
    }
    expect(told.value).toBe(rows)
    for (const number of numbers) this.#acknowledged.add(number)
    return true
  }

  async pushUntilFull(): Promise<void> {
    for (let pushes = 0; await this.push(500, 'either'); pushes++) expect(pushes).toBeLessThan(200)
  }

  async uploads(outcome: Outcome): Promise<void> {
    const value = await this.works('upload', { bytes: 2_000_000 })
    const full = { status: 503, retryAfter: expect.stringMatching(/^\d+$/) as string, code: 'STORE_FULL' }
    expect([outcome, value]).toMatchObject([outcome, outcome === 'full' ? full : { status: 200 }])
  }

  /** Expects that what is served, history and the registry are answered, and that all rows that were acknowledged are history. */
  async expectReads(): Promise<void> {
    const served = (await this.works('served', { from: 0, count: 1100 })) as (number | null)[]
    expect(served.length).toBe(1100)
    expect(((await this.works('versions')) as number[]).length).toBeGreaterThan(0)
    await this.works('runs')
    await this.#expectHistory()
  }

  /** Expects that everything works at once, and that what was acknowledged, and nothing that was never pushed, is there. */
  async expectRecovered(): Promise<void> {
    await this.push(100)
    const head = ((await this.works('versions')) as number[])[0] ?? 0
    expect(await this.works('apply', { wide: head % 2 === 0, swapped: head % 3 === 0 })).toBeGreaterThan(0)
    expect(await this.works('materialize')).toEqual(['succeeded'])
    await this.works('maintain')
    await this.uploads('works')
    await this.#expectHistory()
    const numbers = [...this.#acknowledged]
    for (let from = 0; from < this.#next; from += 5000) {
      const served = (await this.works('served', { from, count: 5000 })) as number[]
      const missing = numbers.filter((n) => n >= from && n < from + 5000 && served[n - from] !== n)
      expect(missing, 'acknowledged, but not served').toEqual([])
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using _ = this.#user
    expect(await this.#user.end(), 'the process ends in peace').toBe(0)
  }

  async #expectHistory(): Promise<void> {
    const [acknowledged, refused] = [this.#acknowledged, this.#refused]
    const history = new Set((await this.works('history')) as number[])
    const lost = [...acknowledged].filter((number) => !history.has(number))
    expect(lost, 'acknowledged, but not history').toEqual([])
    const known = (number: number): boolean => number < fileRows || acknowledged.has(number) || refused.has(number)
    const unknown = [...history].filter((number) => !known(number))
    expect(unknown, 'history that nobody pushed').toEqual([])
  }
}

/** Expects that a call was refused for want of room, and that this may be. */
function expectFull(outcome: Outcome, call: string, told: Told): void {
  expect([call, outcome, told]).not.toEqual([call, 'works', told])
  const why = expect.stringMatching(/full|room|space|Input\/output|disk/i) as string
  expect([call, told]).toEqual([call, { code: 'STORE_FULL', detail: why }])
}
