// Emits what is published: dist/ with JavaScript and declarations, from an empty folder so that no old file stays.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { root, run } from './steps.ts'

rmSync(join(root, 'dist'), { recursive: true, force: true })
const built = run({ name: 'emit dist/', file: 'node_modules/typescript/bin/tsc', args: ['-p', 'tsconfig.build.json'] })
process.exitCode = built ? 0 : 1
