import type { Definitions } from '../define/definition.ts'
import { resolveView, sqlInputs } from '../define/resolved-view.ts'
import type { Compared } from './diff.ts'

/** The views, defined before and after, over an entity or a source whose values get another meaning with it; sorted. */
export function affectedViews({ before, after }: Compared, name: string, kind: 'entity' | 'source'): string[] {
  const names = [...before.views.keys()].filter((view) => after.views.has(view)).sort()
  return names.filter((view) => {
    const from = before.views.get(view)
    const to = after.views.get(view)
    if (from === undefined || to === undefined) return false
    const was = resolveView(before, from)
    const is = resolveView(after, to)
    if (kind === 'entity')
      return (
        (from.entities.includes(name) || to.entities.includes(name)) &&
        JSON.stringify(was.joinKeys) !== JSON.stringify(is.joinKeys)
      )
    return was.origin !== is.origin && (readsSource(before, from.source, name) || readsSource(after, to.source, name))
  })
}

/** Whether a source is another one, or reads it through SQL. Definitions without cycles. */
export function readsSource(definitions: Definitions, source: string, other: string): boolean {
  if (source === other) return true
  const found = definitions.sources.get(source)
  return (
    found?.type === 'sql' &&
    sqlInputs(definitions, found.name, found.sql).some((input) => readsSource(definitions, input, other))
  )
}
