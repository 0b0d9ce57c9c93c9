// npm run docs: writes the generated pages of docs/reference/. They are checked in, and a test compares them.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorTable } from '../src/kernel/errors.ts'
import './docs-schema.ts'
import { renderErrorPage } from './error-page.ts'
import { root } from './steps.ts'

writeFileSync(join(root, 'docs/reference/errors.md'), renderErrorPage(errorTable))
