// The second file of the published command: what must be settled in this process before the first module of dist/ loads.
import module from 'node:module'

// Compiled code is kept between runs: a third of the time that `provender --help` takes. Some folder may refuse it.
module.enableCompileCache?.()

// Early Nodes 24 call node:sqlite and type stripping experimental. Users did not choose either and can do nothing about
// it. (A flag would do, but not in a `#!` line that works everywhere, and starting a second Node costs 40 ms.)
const emitWarning = process.emitWarning.bind(process)
/** @param {[warning: string | Error, options?: unknown, ...rest: unknown[]]} args */
process.emitWarning = (...args) => {
  const [, options] = args
  const type = typeof options === 'object' && options !== null && 'type' in options ? options.type : options
  if (type !== 'ExperimentalWarning') Reflect.apply(emitWarning, process, args)
}

await import(new URL('../dist/cli/main.js', import.meta.url).href)
