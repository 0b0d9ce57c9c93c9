/** How long a server may take to end once it does not wait for its balancer any more; who starts it again counts on it. */
export const hardExitMs = 30_000

/** What is said then. */
export const notEnded = `Not all that was under way ended within ${hardExitMs / 1000} s; it is given up now. A materialization is taken over by the next run of its view.`

/**
 * Ends the process if it has not ended by itself in time: what is still under way is left to whoever takes it over.
 * (A materialization is: its lease ends, and what it covered stays covered.)
 */
export function hardExit(drainWaitMs: number, say: (line: string) => void): void {
  setTimeout(() => {
    say(notEnded)
    process.exit(1)
  }, drainWaitMs + hardExitMs).unref()
}
