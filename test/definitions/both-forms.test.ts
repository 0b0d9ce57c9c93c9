import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import { loadTypescript } from '../../src/definitions/load-typescript.ts'
import { jsonPart } from '../../src/define/place.ts'
import { parseReference } from '../../src/define/reference.ts'
import { readYaml } from '../../src/define/text.ts'
import { validateDefinitions } from '../../src/define/validate.ts'
import { type RandomDocument, randomDocuments } from '../define/random-definitions.ts'
import { folder } from './repository-folder.ts'

/** Writes a document as somebody would who writes TypeScript: values name one another. */
function toTypescript(document: RandomDocument): string {
  const literal = (value: unknown): string => JSON.stringify(value)
  const variable = (kind: string, name: string): string => `${kind}_${name}`
  const withoutType = (body: Record<string, unknown>): Record<string, unknown> =>
    Object.fromEntries(Object.entries(body).filter(([field]) => field !== 'type'))
  const lines = ["import { entity, featureService, featureView, source } from 'provender'"]
  for (const [name, body] of Object.entries(document.entities))
    lines.push(`export const ${variable('e', name)} = entity(${literal(name)}, ${literal(body)})`)
  for (const [name, body] of Object.entries(document.sources))
    lines.push(
      `export const ${variable('s', name)} = source.${String(body['type'])}(${literal(name)}, ${literal(withoutType(body))})`,
    )
  for (const [name, { entities, source, ...rest }] of Object.entries(document.views)) {
    const named = (entities as string[]).map((entity) => variable('e', entity)).join(', ')
    lines.push(
      `export const ${variable('v', name)} = featureView(${literal(name)}, { entities: [${named}], source: ${variable('s', String(source))}, ...${literal(rest)} })`,
    )
  }
  for (const [name, { features, ...rest }] of Object.entries(document.services)) {
    const listed = [features].flat().map((text) => {
      const { name: view, alias, keys, feature } = parseReference(text)
      const read =
        alias === undefined
          ? variable('v', view)
          : `${variable('v', view)}.alias(${literal(alias)}${keys.size === 0 ? '' : `, ${literal(Object.fromEntries(keys))}`})`
      return feature === undefined ? read : `${read}.feature(${literal(feature)})`
    })
    lines.push(
      `export const ${variable('m', name)} = featureService(${literal(name)}, { features: [${listed.join(', ')}], ...${literal(rest)} })`,
    )
  }
  return `${lines.join('\n')}\n`
}

test('random definitions are the same from YAML and from TypeScript', async () => {
  const documents = fc.sample(randomDocuments(['parquet', 'csv', 'sql', 'push']), 120)
  const dir = folder(Object.fromEntries(documents.map((document, i) => [`${i}.ts`, toTypescript(document)])))
  const loaded = await loadTypescript(documents.map((_, i) => join(dir, `${i}.ts`)))
  let views = 0
  for (const [i, document] of documents.entries()) {
    expect(loaded[i]?.thrown).toBeUndefined()
    const text = stringify(document, { aliasDuplicateObjects: false, collectionStyle: i % 2 === 0 ? 'any' : 'flow' })
    const { part, errors } = readYaml('x.yaml', text)
    expect(errors).toEqual([])
    const written = validateDefinitions([part])
    const built = validateDefinitions((loaded[i]?.definitions ?? []).map((definition) => jsonPart(definition.document)))
    expect(written.errors).toEqual([])
    expect(built).toEqual(written)
    views += written.definitions.views.size
  }
  expect(views).toBeGreaterThan(60)
})
