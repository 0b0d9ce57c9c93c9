import { fail } from '../kernel/errors.ts'

/** Something that is opened by who needs it first, and closed only if it was. */
export interface Opening<T extends AsyncDisposable> extends AsyncDisposable {
  /**
   * Uses it: at once where it is open, else when it has been opened. All who come meanwhile share one opening; one that failed
   * is made anew by the next. @throws what opening throws; CLOSED after disposal.
   */
  use<R>(work: (opened: T) => R): R | Promise<Awaited<R>>
}

/** Prepares an opening; `what` is named where it is used after it was closed. */
export function openingOf<T extends AsyncDisposable>(what: string, open: () => Promise<T>): Opening<T> {
  let opened: T | undefined
  let opening: Promise<T> | undefined
  let closing: Promise<void> | undefined
  const start = async (): Promise<T> => {
    try {
      return (opened = await open())
    } catch (thrown) {
      opening = undefined
      throw thrown
    }
  }
  const closed = (): Error => fail('CLOSED', `The ${what} is closed`)
  const later = async <R>(work: (opened: T) => R): Promise<Awaited<R>> => {
    if (closing !== undefined) throw closed()
    opening ??= start()
    return await work(await opening)
  }
  return {
    // Who was opened says CLOSED by itself.
    use: (work) => (opened === undefined ? later(work) : work(opened)),
    [Symbol.asyncDispose]: () =>
      (closing ??= (async () => {
        const last = await opening?.catch(() => undefined)
        await last?.[Symbol.asyncDispose]()
      })()),
  }
}
