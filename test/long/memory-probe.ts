// Loaded into a server before its own code: measures its memory when its parent asks.
import { readFileSync } from 'node:fs'

declare const gc: () => void

process.on('message', () => {
  gc()
  gc()
  const { heapUsed, external } = process.memoryUsage()
  process.send?.({ heapUsed, external, ...residentBytes() })
})
// Nobody has to wait for this.
process.channel?.unref()

/** What is resident: all, and less the pages of files. */
function residentBytes(): { readonly rss: number; readonly anonymous: number } {
  const status = readFileSync('/proc/self/status', 'utf8')
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0)
  return { rss: kib('VmRSS') * 1024, anonymous: kib('RssAnon') * 1024 }
}
