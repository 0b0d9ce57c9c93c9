/** Dice that fall the same way for the same seed and number, whatever fell before. */
export class Dice {
  #state: number

  constructor(seed: number, number: number) {
    this.#state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(number + 1, 0xc2b2ae35)) >>> 0
    for (let i = 0; i < 4; i++) this.#next()
  }

  /** mulberry32: 32 bits from 32 bits, and nothing that has to be remembered. */
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (t ^ (t >>> 14)) >>> 0
  }

  /** A whole number from 0 up to, and without, a number. */
  below(end: number): number {
    return this.#next() % end
  }

  pick<T>(list: readonly T[]): T {
    const one = list[this.below(list.length)]
    if (one === undefined) throw new Error('There is nothing to pick from')
    return one
  }

  /** One of a list, each as often as its weight says. */
  weighted<T>(list: readonly (readonly [T, number])[]): T {
    let left = this.below(list.reduce((sum, [, weight]) => sum + weight, 0))
    for (const [one, weight] of list) if ((left -= weight) < 0) return one
    throw new Error('There is nothing to pick from')
  }
}
