// npm run bench -- NAME: one scenario of bench/, its arguments passed through. Never a part of the tests.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './steps.ts'

const [name, ...args] = process.argv.slice(2)
const file = join(root, 'bench', `${name ?? ''}.ts`)
if (name !== undefined && existsSync(file)) {
  process.argv.splice(1, process.argv.length, file, ...args)
  await import(file)
} else {
  const known = readdirSync(join(root, 'bench')).filter((entry) => entry.endsWith('.ts'))
  const names = known.map((entry) => entry.slice(0, -'.ts'.length)).join(', ')
  process.stderr.write(`usage: npm run bench -- NAME (one of: ${names || 'none yet'})\n`)
  process.exitCode = 2
}
