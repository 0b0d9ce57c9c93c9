/** Random numbers that are the same in every run, so that a law that fails once fails again. */
export interface Seeded {
  /** An integer in [0, below). */
  int(below: number): number
  /** One of the items. */
  pick<T>(items: readonly T[]): T
  /** The items in a random order; the argument stays as it is. */
  shuffle<T>(items: readonly T[]): T[]
}

/** Starts a stream of random numbers (mulberry32). */
export function seeded(seed: number): Seeded {
  let state = seed >>> 0
  const int = (below: number): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4_294_967_296) * below)
  }
  return {
    int,
    pick: (items) => {
      const item = items[int(items.length)]
      if (item === undefined) throw new Error('pick needs at least one item')
      return item
    },
    shuffle: (items) => {
      const out = [...items]
      for (let i = out.length - 1; i > 0; i--) {
        const j = int(i + 1)
        const held = out[i]
        const other = out[j]
        if (held !== undefined && other !== undefined) {
          out[i] = other
          out[j] = held
        }
      }
      return out
    },
  }
}
