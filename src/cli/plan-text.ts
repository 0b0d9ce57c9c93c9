import type { Plan } from '../contract/store.ts'
import type { Config } from '../define/config.ts'
import type { Definitions } from '../define/definition.ts'
import { changesText } from './changes-text.ts'
import type { Stream } from './terminal.ts'

/** What a plan is told with. */
export interface PlanContext {
  readonly title: 'plan' | 'apply'
  readonly config: Config
  readonly definitions: Definitions
  readonly stream: Stream
}

/** A plan for people: which project and version, what changes, how much stays. */
export function planText(plan: Plan, { title, config, definitions, stream }: PlanContext): string {
  const { bold, dim } = stream.colours
  const head = `${bold(`Provender ${title}`)}  ${config.project} → registry version ${plan.version}`
  const unchanged = countOf(definitions) - plan.changes.filter(({ action }) => action !== 'remove').length
  if (plan.changes.length === 0)
    return `${head}\nNothing to change: the registry holds the ${unchanged} definitions of the files.\n`
  return `${head}\n${unchanged === 0 ? '' : dim(`  = ${unchanged} unchanged\n`)}${changesText(plan.changes, stream, definitions)}`
}

const countOf = ({ entities, sources, views, onDemand, services }: Definitions): number =>
  [entities, sources, views, onDemand, services].reduce((sum, map) => sum + map.size, 0)
