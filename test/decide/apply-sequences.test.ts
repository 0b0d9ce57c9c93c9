import { expect, test } from 'vitest'
import fc from 'fast-check'
import { resolveView, type ResolvedView } from '../../src/define/resolved-view.ts'
import { switched } from '../../src/decide/attempt.ts'
import { type Generation, type Generations, noGenerations, replacedKeptMs } from '../../src/decide/generations.ts'
import { bornSince, generationsAfter } from '../../src/decide/generations-after.ts'
import { smallDefinitions, view } from '../support/small-definitions.ts'

/** What may happen to a view: an apply of a body (null = without the view), the switch, the freeing of what is due. */
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('apply' as const), body: fc.option(body(), { freq: 8 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('switch' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('free' as const) }) },
)
const time = fc.record({ us: fc.constantFrom(0n, 1n, 5_000_000n), ms: fc.constantFrom(0, 4000, replacedKeptMs) })

function body(): fc.Arbitrary<Readonly<Record<string, unknown>>> {
  const names = fc.shuffledSubarray(['a', 'b', 'c'], { minLength: 1 })
  const feature = fc.constantFrom('int32', 'int64', { type: 'int32', column: 'other' })
  const features = names.chain((list) =>
    fc
      .tuple(...list.map((name) => feature.map((body) => [name, body] as const)))
      .map((entries) => Object.fromEntries(entries)),
  )
  return fc
    .record({
      source: fc.constantFrom('flights', 'taps'),
      ttl: fc.constantFrom('0', '1d', '2d'),
      online: fc.constantFrom(true, true, true, false),
      owner: fc.constantFrom('ops', 'ml'),
      features,
    })
    .map(view)
}

/** All the meaning that rows have: what they were read by, and of each feature that they hold, where it came from. */
interface Rows {
  readonly origin: string
  readonly features: Map<string, string>
}

test('whatever is applied, in whatever order', () => {
  fc.assert(fc.property(fc.array(fc.tuple(step, time), { maxLength: 25 }), check), { numRuns: 400 })
})

type Steps = readonly (readonly [
  (
    | { readonly do: 'apply'; readonly body: Readonly<Record<string, unknown>> | null }
    | { readonly do: 'switch' }
    | { readonly do: 'free' }
  ),
  { readonly us: bigint; readonly ms: number },
])[]

function check(steps: Steps): void {
  const versions: (ResolvedView | null)[] = []
  const stored = new Map<bigint, Rows>()
  let [state, at, nowMs, newest]: [Generations, bigint, number, bigint] = [noGenerations, 1000n, 1000, 0n]
  for (const [what, time] of steps) {
    at += time.us
    nowMs += time.ms
    const before = state
    if (what.do === 'switch') state = switched(before, nowMs)
    // Freed names are given up, so the clock that the next ones are taken from has gone on since.
    else if (what.do === 'free') state = free(before, nowMs, (instant) => (at = at > instant ? at : instant + 1n))
    else {
      versions.push(what.body === null ? null : viewOf(what.body))
      const applied = {
        view: versions.at(-1) ?? null,
        storedBy: (version: number) => versions[version - 1] ?? null,
        version: versions.length,
        at,
        nowMs,
      }
      if (state === noGenerations && applied.view === null) continue
      state = generationsAfter(before, applied)
      checkApply(before, state, applied)
      const again = generationsAfter(state, applied)
      expect(again).toEqual(state)
      for (const each of bornSince(before, state)) {
        expect(each.generation).toBeGreaterThan(newest)
        stored.set(each.generation, { origin: applied.view?.origin ?? '', features: new Map() })
      }
    }
    newest = all(state).reduce((max, each) => (each.revision > max ? each.revision : max), newest)
    checkRows(state, stored, versions)
  }
}

const viewOf = (body: Readonly<Record<string, unknown>>): ResolvedView | null => {
  const definitions = smallDefinitions({ views: { delays: body } })
  const found = definitions.views.get('delays')
  return found === undefined ? null : resolveView(definitions, found)
}

const all = ({ serving, building, replaced }: Generations): Generation[] =>
  [serving, building, ...replaced].filter((each) => each !== null)

function free(state: Generations, nowMs: number, freed: (instant: bigint) => void): Generations {
  const due = state.replaced.filter((each) => each.replacedAtMs + replacedKeptMs <= nowMs)
  for (const each of due) freed(each.revision)
  return { ...state, replaced: state.replaced.filter((each) => !due.includes(each)) }
}

/** What one apply may and must do. */
function checkApply(
  before: Generations,
  after: Generations,
  { view, version }: { readonly view: ResolvedView | null; readonly version: number },
): void {
  const online = view?.view.online === true
  expect(after.serving !== null).toBe(online)
  expect(after.removedAtMs === null).toBe(view !== null)
  if (!online) expect(after.building).toBe(null)
  if (online) expect((after.building ?? after.serving)?.definition).toBe(version)
  if (online && after.building !== null) expect(after.serving).toEqual(before.serving)
  if (online && before.serving !== null) expect(after.serving?.generation).toBe(before.serving.generation)
  const names = all(after).map((each) => each.generation)
  expect(new Set(names).size).toBe(names.length)
  for (const each of all(before)) {
    const now = all(after).find((other) => other.generation === each.generation)
    expect(now).toBeDefined()
    if (now !== undefined) expect(now.revision).toBeGreaterThanOrEqual(each.revision)
  }
}

/** Rows of a generation are never read by a definition that means something else by them; a new name always begins empty. */
function checkRows(state: Generations, stored: Map<bigint, Rows>, versions: readonly (ResolvedView | null)[]): void {
  for (const each of all(state)) {
    const rows = stored.get(each.generation)
    const by = versions[each.definition - 1]
    expect(rows?.origin).toBe(by?.origin)
    for (const feature of by?.features ?? []) {
      const key = `${feature.name} at ${each.revision}`
      const meaning = `${feature.type} ${feature.meaning}`
      expect(rows?.features.get(key) ?? meaning).toBe(meaning)
      rows?.features.set(key, meaning)
    }
  }
}
