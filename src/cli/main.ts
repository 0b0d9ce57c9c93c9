// What bin/provender runs. Compiled code is kept between runs (types stripped, too), which halves the time of small commands;
// so everything but this file is imported after that is switched on.
import { enableCompileCache } from 'node:module'

enableCompileCache()
const { runCommandLine } = await import('./command-line.ts')
process.exit(await runCommandLine(process.argv.slice(2)))
