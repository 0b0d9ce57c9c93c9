import type { Plan, Store } from '../../contract/store.ts'
import { readsSource } from '../../decide/affected-views.ts'
import type { Config } from '../../define/config.ts'
import type { Definitions } from '../../define/definition.ts'
import { asProvenderError, isProvenderError } from '../../kernel/errors.ts'
import { changesText } from '../changes-text.ts'
import { errorText } from '../error-text.ts'
import { counted, secondsText } from '../number-text.ts'
import { watchProgress } from '../progress.ts'
import type { Session } from '../session.ts'

/** What one development session knows between two saves. */
export interface Development {
  readonly session: Session
  readonly store: Store
  /** Whether changes that break services are applied like all others. */
  readonly applyBreaking: boolean
  /** The settings that were read last. */
  config: Config
  /** The registry's definitions, as far as this session brought or saw them. */
  applied: Definitions
  /** A plan that waits for a yes, since it breaks what services read. */
  pending: { readonly definitions: Definitions; readonly plan: Plan } | undefined
}

/** Says something for people; with --json nobody reads along. */
export function tell({ session }: Pick<Development, 'session'>, line: string): void {
  if (!session.json) session.terminal.say(line)
}

/** Shows what went wrong; the work goes on. @throws where it ended because the user stopped it. */
export function tellError({ session }: Pick<Development, 'session'>, thrown: unknown): void {
  if (session.interrupted) throw thrown
  session.terminal.say(errorText(asProvenderError(thrown), session.terminal.err))
}

/**
 * Reads the files and applies what they say, if that breaks nothing (or breaking is allowed): what changes is shown with its
 * consequences. Errors are shown, and the registry stays as it is.
 * @returns whether the registry is now what the files say.
 */
export async function bringIn(dev: Development): Promise<boolean> {
  const { session, store } = dev
  dev.pending = undefined
  try {
    const { definitions, config } = await session.definitions()
    if (JSON.stringify(config) !== JSON.stringify(dev.config))
      session.note('Settings of provender.yaml have changed: they take effect when dev is started again.')
    dev.config = config
    for (;;) {
      const plan = await store.plan(definitions, session.call)
      if (plan.changes.length === 0) {
        tell(dev, `Nothing to change: registry version ${plan.version} holds what the files say.`)
        dev.applied = definitions
        return true
      }
      tell(dev, changesText(plan.changes, session.terminal.err, definitions).trimEnd())
      if (plan.changes.some((change) => change.breaking) && !dev.applyBreaking) {
        dev.pending = { definitions, plan }
        return false
      }
      if (await applied(dev, definitions, plan)) return true
    }
  } catch (thrown) {
    tellError(dev, thrown)
    return false
  }
}

/** Applies the plan that waits for a yes. */
export async function applyPending(dev: Development): Promise<boolean> {
  const { pending } = dev
  dev.pending = undefined
  if (pending === undefined) return false
  try {
    return (await applied(dev, pending.definitions, pending.plan)) || (await bringIn(dev))
  } catch (thrown) {
    tellError(dev, thrown)
    return false
  }
}

/** Applies exactly what was shown; false where somebody else applied meanwhile. */
async function applied(dev: Development, definitions: Definitions, plan: Plan): Promise<boolean> {
  const { session, store } = dev
  try {
    const { version } = await store.apply(definitions, {
      ...session.call,
      parentVersion: plan.version,
      allowBreaking: true,
      message: 'provender dev',
    })
    dev.applied = definitions
    tell(dev, `${session.terminal.err.colours.green('✓')} Applied: the registry is at version ${version}`)
    return true
  } catch (thrown) {
    if (isProvenderError(thrown) && thrown.code === 'REGISTRY_CONFLICT') return false
    throw thrown
  }
}

/** The views that a run would give something to serve: those that nothing is covered of, and those whose next generation is built. */
export async function unmaterialized({ store, session }: Development): Promise<string[]> {
  const views = await store.list('views', session.call)
  return views
    .filter(({ online, coverage, building }) => online === true && (isEmpty(coverage) || building !== undefined))
    .map(({ name }) => name)
}

const isEmpty = (list: unknown): boolean => !Array.isArray(list) || list.length === 0

/** The online views that read one of some sources, through SQL too. */
export function viewsOf({ applied: definitions }: Development, sources: readonly string[]): string[] {
  return [...definitions.views.values()]
    .filter((view) => view.online && sources.some((source) => readsSource(definitions, view.source, source)))
    .map((view) => view.name)
}

/** Materializes views, with bars while it runs and a line when it is done; what goes wrong is shown. */
export async function bringOnline(dev: Development, views: readonly string[]): Promise<void> {
  if (views.length === 0) return
  const { session, store } = dev
  const progress = session.json ? undefined : watchProgress(session.terminal)
  const startedAtMs = performance.now()
  try {
    const runs = await store.materialize(views, {
      ...session.call,
      ...(progress === undefined ? {} : { onProgress: progress.report }),
    })
    progress?.end()
    for (const { view, notes } of runs)
      for (const note of notes) tell(dev, `${session.terminal.err.colours.yellow('!')} ${view}: ${note}`)
    const rows = runs.reduce((sum, run) => sum + run.written, 0)
    const named = runs.length > namedViews ? counted(runs.length, 'view') : runs.map(({ view }) => view).join(', ')
    tell(
      dev,
      `${session.terminal.err.colours.green('✓')} Materialized ${named}: ${counted(rows, 'row')} in ${secondsText((performance.now() - startedAtMs) / 1000)}`,
    )
  } catch (thrown) {
    progress?.end()
    tellError(dev, thrown)
  }
}

const namedViews = 3
