/** One generation of a view: rows of one meaning. It and its revision are named by an instant of the domain clock, never reused. */
export interface Generation {
  readonly generation: bigint
  readonly revision: bigint
  /** The registry version whose definition of the view it stores and answers by. */
  readonly definition: number
  /** The machine's clock at its birth, in milliseconds: what waits are counted from. */
  readonly bornAtMs: number
}

/** A generation that no longer serves; its rows are freed no sooner than 10 minutes later. */
export interface Replaced extends Generation {
  readonly replacedAtMs: number
}

/** How long a replaced generation's rows stay at least, in milliseconds: what a rollback within it brings back need not be built again. */
export const replacedKeptMs = 600_000

/** Which generations of a view there are. */
export interface Generations {
  readonly serving: Generation | null
  readonly building: Generation | null
  readonly replaced: readonly Replaced[]
  /** The machine's clock when the view was removed; null while it is defined. */
  readonly removedAtMs: number | null
  /** Pushed rows of the view below this log position are purged. */
  readonly purgedBelow: bigint
}

/** A view that never was. */
export const noGenerations: Generations = Object.freeze({
  serving: null,
  building: null,
  replaced: Object.freeze([]),
  removedAtMs: null,
  purgedBelow: 0n,
})

/** Where runs write: the building generation if there is one, else the serving one. */
export const targetOf = (generations: Generations): Generation | null => generations.building ?? generations.serving
