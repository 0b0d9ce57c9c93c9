import type { Call } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import type { OfflineStore, QueryResult, SpineInput } from '../../ports/offline.ts'
import { checkNames } from '../../query/compile.ts'
import type { InputRows } from '../../query/relation.ts'
import type { Batch, OwnField } from '../../values/batch.ts'
import { type Question, answersTo } from './answers.ts'
import { sideBySide } from './side-by-side.ts'
import { inTurns } from './turns.ts'

/** Answers of which the first are there. */
export interface Begun extends AsyncDisposable {
  readonly fields: readonly OwnField[]
  /** Read once, in the order of the spine. */
  readonly batches: AsyncGenerator<Batch>
}

/**
 * Begins to read what sessions answer that have a spine in turns: a server that fails has mostly done so by then, and another one can be
 * asked. All of them are ended in the end.
 */
export async function begun(questions: readonly Question[]): Promise<Begun> {
  await using sessions = new AsyncDisposableStack()
  for (const { session } of questions) sessions.use(session)
  const fields = questions[0]?.fields ?? []
  const all = await Promise.all(fields.length === 0 ? [] : questions.map(beginning))
  const kept = sessions.move()
  return { fields, batches: inTurns(all), [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

async function beginning(question: Question): Promise<AsyncGenerator<Batch>> {
  const answers = answersTo(question)
  const first = await answers.next()
  return (async function* () {
    if (first.done === true) return
    yield first.value
    yield* answers
  })()
}

/** A spine, which stayed here. */
export interface KeptSpine {
  readonly local: OfflineStore
  readonly leaf: InputRows
  readonly spine: SpineInput
  /** @throws SOURCE_CHANGED. */
  readonly unchanged: () => Promise<void>
  readonly call: Call | undefined
}

/** Makes what lets a result be read once. */
export function readOnce(): () => void {
  let read = false
  return () => {
    if (read) throw fail('CLOSED', 'The result was read already')
    read = true
  }
}

/** The rows of a spine, each with its answer beside it: both are in the spine's order. @throws as the local engine for the spine; SOURCE_CHANGED, NAME_COLLISION. */
export async function asOfResult(
  { local, leaf, spine, unchanged, call }: KeptSpine,
  answers: Begun,
): Promise<QueryResult> {
  const once = readOnce()
  await using opened = new AsyncDisposableStack()
  opened.use(answers)
  const left = opened.use(await local.query({ plan: leaf, inputs: new Map([[leaf.name, spine]]) }, call))
  await unchanged()
  const fields = [...left.fields, ...answers.fields]
  checkNames(fields)
  const both = opened.move()
  if (answers.fields.length === 0) {
    await answers[Symbol.asyncDispose]()
    return left
  }
  return {
    fields,
    batches() {
      once()
      return sideBySide(fields, left.batches(), answers.batches)
    },
    async writeParquet(path) {
      once()
      await left[Symbol.asyncDispose]()
      const right = { kind: 'input', name: '_answers', uses: answers.fields } as const
      const brought = { kind: 'batches', fields: answers.fields, batches: () => answers.batches } as const
      const inputs = new Map<string, SpineInput>([
        [leaf.name, spine],
        [right.name, brought],
      ])
      await using whole = await local.query({ plan: { kind: 'beside', left: leaf, right }, inputs }, call)
      await unchanged()
      return await whole.writeParquet(path)
    },
    [Symbol.asyncDispose]: () => both.disposeAsync(),
  }
}
