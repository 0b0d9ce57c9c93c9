import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { editorSchemaText } from '../../src/definitions/json-schema.ts'
import { errorTable } from '../../src/kernel/errors.ts'
import { renderErrorPage } from '../error-page.ts'
import { root } from '../steps.ts'
import { benchmarksPage } from './benchmarks-page.ts'
import { cliPage } from './cli-page.ts'
import { httpPage } from './http-page.ts'
import { typescriptPage } from './typescript-page.ts'
import { yamlPage } from './yaml-page.ts'

/** Every generated file of docs/ by its path: how it is made. They are checked in, and a test compares them. */
export const generatedPages: ReadonlyMap<string, () => string | Promise<string>> = new Map<
  string,
  () => string | Promise<string>
>([
  ['docs/reference/errors.md', () => renderErrorPage(errorTable)],
  ['docs/reference/provender.schema.json', editorSchemaText],
  ['docs/reference/yaml.md', yamlPage],
  ['docs/reference/cli.md', cliPage],
  ['docs/reference/http.md', () => httpPage(version())],
  ['docs/reference/typescript.md', typescriptPage],
  ['docs/benchmarks.md', benchmarksPage],
])

const version = (): string =>
  (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly version: string }).version
