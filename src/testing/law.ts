/** One law of a port: run it on a harness of your own engine; it rejects (AssertionError) where the engine breaks the law. */
export interface Law<H> {
  readonly law: string
  readonly run: (harness: H) => Promise<void>
}
