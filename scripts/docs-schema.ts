// Writes the JSON schema that editors check provender.yaml and the files of definitions with.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { editorSchemaText } from '../src/definitions/json-schema.ts'
import { root } from './steps.ts'

writeFileSync(join(root, 'docs/reference/provender.schema.json'), editorSchemaText())
