import type { Definition } from '../define/definition.ts'
import { toWireBody } from '../define/wire.ts'

/** A field that differs: its path in the wire form with dots, and what it was and is; the one that is left out was or is not there. */
export interface FieldChange {
  readonly path: string
  readonly from?: unknown
  readonly to?: unknown
}

/** The fields in which two definitions of one name differ, in the order of the grammar; none if and only if they are equal. */
export function changedFields(from: Definition, to: Definition): FieldChange[] {
  return compare('', plainForm(from), plainForm(to))
}

/** The wire form with every short form written out, so that `string` and `{ type: string }` do not differ. */
function plainForm(definition: Definition): Readonly<Record<string, unknown>> {
  const body = toWireBody(definition)
  if (definition.kind === 'entity') {
    const { key, keys, ...notes } = body
    return { keys: typeof key === 'string' ? { [definition.name]: key } : (key ?? keys), ...notes }
  }
  if (definition.kind !== 'view' || !isRecord(body['features'])) return body
  const features = Object.entries(body['features']).map(([name, feature]) => [
    name,
    isRecord(feature) ? feature : { type: feature },
  ])
  return { ...body, features: Object.fromEntries(features) }
}

function compare(path: string, from: unknown, to: unknown): FieldChange[] {
  if (!isRecord(from) || !isRecord(to))
    return JSON.stringify(from) === JSON.stringify(to) ? [] : [{ path, from: brief(from), to: brief(to) }]
  const names = [...Object.keys(to), ...Object.keys(from).filter((name) => !Object.hasOwn(to, name))]
  return [
    ...names.flatMap((name): FieldChange[] => {
      const place = path === '' ? name : `${path}.${name}`
      if (!Object.hasOwn(from, name)) return [{ path: place, to: brief(to[name]) }]
      if (!Object.hasOwn(to, name)) return [{ path: place, from: brief(from[name]) }]
      return compare(place, from[name], to[name])
    }),
    ...moved(path, Object.keys(from), Object.keys(to)),
  ]
}

/** The order of keys, features and columns counts: it is the order of what is stored and answered. */
function moved(path: string, from: readonly string[], to: readonly string[]): FieldChange[] {
  const before = from.filter((name) => to.includes(name))
  const after = to.filter((name) => from.includes(name))
  return path === '' || before.join() === after.join() ? [] : [{ path, from: before, to: after }]
}

/** A value as it would be written: `{ type: string }` is `string`. */
function brief(value: unknown): unknown {
  if (!isRecord(value)) return value
  const names = Object.keys(value)
  return names.length === 1 && names[0] === 'type' ? value['type'] : value
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
