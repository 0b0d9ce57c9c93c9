// Emits what is published: dist/ with JavaScript and declarations, from an empty folder so that no old file stays.
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { root, run } from './steps.ts'

rmSync(join(root, 'dist'), { recursive: true, force: true })
const built = run({ name: 'emit dist/', file: 'node_modules/typescript/bin/tsc', args: ['-p', 'tsconfig.build.json'] })
// What the page of the API's description is made of: exactly these files, with the licences that they come with.
const page = ['swagger-ui.css', 'swagger-ui-bundle.js', 'swagger-ui-bundle.js.LICENSE.txt', 'LICENSE', 'NOTICE']
for (const file of page)
  cpSync(join(root, 'node_modules/swagger-ui-dist', file), join(root, 'dist/server/swagger-ui', file))
process.exitCode = built ? 0 : 1
