// npm run docs: writes the generated pages of docs/. They are checked in, and a test compares them.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generatedPages } from './reference/pages.ts'
import { root } from './steps.ts'

for (const [path, text] of generatedPages) writeFileSync(join(root, path), await text())
