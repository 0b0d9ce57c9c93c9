// Loaded before every command of a page. What the command prints to the page is printed as to a terminal of 100 columns, which is
// what a reader sees; what it prints to a file or a pipe is not.
import { fstatSync, statSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

const columns = 100
const page = process.env['PAGE_TERMINAL']
if (isMainThread && page !== undefined) {
  const terminal = statSync(page)
  for (const stream of [process.stdout, process.stderr]) {
    const { dev, ino } = fstatSync(stream.fd)
    if (dev === terminal.dev && ino === terminal.ino) Object.assign(stream, { isTTY: true, columns })
  }
}
