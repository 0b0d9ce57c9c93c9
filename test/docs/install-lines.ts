import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * What of an installation block means nothing in this checkout; undefined if all does. It is not run: it downloads, and
 * `npm test` within `npm test` would not end. `npm run demo` and what is packed have tests of their own.
 */
export function installFault(text: string): string | undefined {
  const commands = text
    .split('\n')
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .flatMap((line) => line.split(' && '))
    .filter((line) => line !== '')
  const faulty = commands.filter((command) => !isKnown(command))
  return faulty.length === 0 ? undefined : `nothing is known of: ${faulty.join(', ')}`
}

function isKnown(command: string): boolean {
  if (/^(?:git clone \S.*|cd \S+|npm (?:ci|install)(?: \S+)?)$/.test(command)) return true
  if (command === 'export PATH="$PWD/bin:$PATH"') return existsSync(join(root, 'bin/provender'))
  const [, script] = /^npm (?:run )?([\w-]+)(?: -- .*| --prefix \S+)?$/.exec(command) ?? []
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object }
  return script !== undefined && Object.hasOwn(scripts, script) && (script === 'test' || command.startsWith('npm run '))
}
