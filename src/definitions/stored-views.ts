import type { Definition } from '../define/definition.ts'
import type { Call } from '../kernel/call.ts'
import type { Clock } from '../kernel/clock.ts'
import { type ErrorCode, asProvenderError } from '../kernel/errors.ts'
import type { Held, OnlineMarks } from '../ports/marks.ts'
import type { RunLog, ViewState } from '../ports/run-log.ts'

/** What looking at stored views reads. */
export interface StoredDeps {
  readonly runLog: Pick<RunLog, 'readState'>
  readonly marks: Pick<OnlineMarks, 'readMarks'>
  /** The domain's clock. */
  readonly clock: Clock
}

/** What is stored of a view. */
export interface StoredView {
  /** Null where nothing is. */
  readonly state: ViewState | null
  /** What the online store holds, by generation; null where that was never counted. Empty where it cannot be asked. */
  readonly held: ReadonlyMap<bigint, Held | null>
  /** Why the online store cannot be asked. */
  readonly error?: { readonly code: string; readonly detail: string }
  /** When it was looked at. */
  readonly now: bigint
}

/** Looks at what is stored of the views among definitions, by name. One that is not online has nothing stored. */
export async function storedViews(
  deps: StoredDeps,
  definitions: readonly Definition[],
  call?: Call,
): Promise<ReadonlyMap<string, StoredView>> {
  const views = definitions.filter((definition) => definition.kind === 'view')
  const states: (ViewState | null)[] = []
  for (const { name, online } of views) states.push(online ? (await deps.runLog.readState(name, call)).value : null)
  const spaces = views.flatMap(({ name }, i) =>
    generationsOf(states[i] ?? null).map((generation) => ({ view: name, generation })),
  )
  const asked = await ask(deps, spaces, call)
  const held = 'error' in asked ? [] : spaces.map((space, i) => ({ ...space, held: asked.held[i] ?? null }))
  const byView = Map.groupBy(held, ({ view }) => view)
  const now = deps.clock.now()
  const stored = views.map(({ name }, i): [string, StoredView] => {
    const state = states[i] ?? null
    const error = 'error' in asked && generationsOf(state).length > 0 ? { error: asked.error } : {}
    return [
      name,
      { state, held: new Map(byView.get(name)?.map((each) => [each.generation, each.held])), ...error, now },
    ]
  })
  return new Map(stored)
}

const generationsOf = (state: ViewState | null): bigint[] =>
  [state?.generations.serving ?? null, state?.generations.building ?? null].flatMap((each) =>
    each === null ? [] : [each.generation],
  )

/** What is wrong with the online store is told beside what is defined; it must not hide that. */
const faults: ReadonlySet<ErrorCode> = new Set(['STORE_UNREACHABLE', 'STORE_FULL', 'CORRUPT_STORE', 'UNSUPPORTED'])

async function ask(
  { marks }: StoredDeps,
  spaces: readonly { readonly view: string; readonly generation: bigint }[],
  call: Call | undefined,
): Promise<{ readonly held: readonly (Held | null)[] } | Required<Pick<StoredView, 'error'>>> {
  if (spaces.length === 0) return { held: [] }
  try {
    return { held: (await marks.readMarks(spaces, call)).map(({ held }) => held) }
  } catch (thrown) {
    const { code, message } = asProvenderError(thrown)
    if (!faults.has(code)) throw thrown
    return { error: { code, detail: message } }
  }
}
