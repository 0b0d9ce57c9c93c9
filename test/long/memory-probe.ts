// Loaded into a server before its own code: measures what it holds when its parent asks, and leaks from when its parent wants it to.
import { subscribe } from 'node:diagnostics_channel'
import { openSync, readFileSync, readdirSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { getHeapSpaceStatistics } from 'node:v8'

declare const gc: () => void

/** What a server holds, in bytes, but for descriptors. */
export interface Held {
  /** On the heap, less what is compiled: V8 compiles on for hours, less and less. */
  readonly objects: number
  /** Buffers, and what else of the heap lies beside it. */
  readonly external: number
  /** What is resident, less the pages of files: they are as many as were read, and the system takes them back. */
  readonly anonymous: number
  readonly descriptors: number
}

/** What to leak: 64 bytes of objects a request; and of so many requests, a buffer and a descriptor. */
export interface Leak {
  readonly requests: number
  readonly bufferBytes: number
}

async function held(): Promise<Held> {
  // What is freed with an object is freed in a turn of its own.
  for (let i = 0; i < 2; i++) {
    gc()
    await setImmediate()
  }
  gc()
  const objects = getHeapSpaceStatistics()
    .filter(({ space_name }) => !/code|trusted|read_only/.test(space_name))
    .reduce((sum, { space_used_size }) => sum + space_used_size, 0)
  const kib = Number(/^RssAnon:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
  const descriptors = readdirSync('/proc/self/fd').length
  return { objects, external: process.memoryUsage().external, anonymous: kib * 1024, descriptors }
}

/** An object of 64 bytes: three words of V8's, and five of its own. */
interface Leaked {
  readonly before: Leaked | undefined
  readonly buffer: Buffer | undefined
  readonly a: number
  readonly b: number
  readonly c: number
}

/** Reached from here, as what leaks is from somewhere. */
export const leaked: { last: Leaked | undefined } = { last: undefined }

function leakFromNowOn({ requests, bufferBytes }: Leak): void {
  let count = 0
  subscribe('http.server.request.start', () => {
    const whole = ++count % requests === 0
    leaked.last = {
      before: leaked.last,
      buffer: whole ? Buffer.alloc(bufferBytes, 1) : undefined,
      a: 1,
      b: 2,
      c: 3,
    }
    if (whole) openSync('/dev/null', 'r')
  })
}

process.on('message', (said: 'measure' | Leak) => {
  if (said === 'measure') void held().then((measured) => process.send?.(measured))
  else leakFromNowOn(said)
})
// Nobody has to wait for this.
process.channel?.unref()
