import type { AsOf, InputRows, LogRows, Relation, SourceRows, SqlInput, SqlRows } from './relation.ts'

/** What a plan reads from. */
export type Leaf = SourceRows | SqlRows | LogRows | InputRows

/** The leaves of a plan, from left to right. */
export function leavesOf(relation: Relation): Leaf[] {
  switch (relation.kind) {
    case 'source':
    case 'sql':
    case 'log':
    case 'input':
      return [relation]
    case 'union':
      return relation.inputs.flatMap(leavesOf)
    case 'semi':
      return [...leavesOf(relation.input), ...leavesOf(relation.among)]
    case 'beside':
      return [relation.left, relation.right]
    case 'asOf':
      return [relation.left, ...relation.joins.flatMap((join) => leavesOf(join.right))]
    default:
      return leavesOf(relation.input)
  }
}

/** Leaves beneath an as-of join's right side or a choice of the latest: their rows are read for their places first, then again. */
export function leavesReadTwice(relation: Relation): Leaf[] {
  return topmost(relation, 'latest', 'asOf').flatMap((found) =>
    found.kind === 'latest' ? leavesOf(found.input) : found.joins.flatMap((join) => leavesOf(join.right)),
  )
}

/** Each input once, with all that its leaves use. */
export function inputsOf(leaves: readonly Leaf[]): InputRows[] {
  const inputs = new Map<string, InputRows>()
  for (const leaf of leaves) {
    if (leaf.kind !== 'input') continue
    const uses = new Map([...(inputs.get(leaf.name)?.uses ?? []), ...leaf.uses].map((use) => [use.name, use]))
    inputs.set(leaf.name, { ...leaf, uses: [...uses.values()] })
  }
  return [...inputs.values()]
}

/** All inputs of the SQL in a plan, and of the SQL that is brought to it. */
export function sqlInputsOf(leaves: readonly Leaf[], brought: readonly (readonly SqlInput[])[]): SqlInput[] {
  return allInputs([...leaves.flatMap((leaf) => (leaf.kind === 'sql' ? leaf.inputs : [])), ...brought.flat()])
}

/** All inputs of SQL, all the way down. */
export function allInputs(inputs: readonly SqlInput[]): SqlInput[] {
  return inputs.flatMap((input) => [input, ...allInputs(input.inputs ?? [])])
}

/** The as-of joins of a plan. */
export const asOfsOf = (relation: Relation): AsOf[] => topmost(relation, 'asOf')

/** The nodes of some kinds, from left to right; not what is below one of them. */
function topmost<K extends Relation['kind']>(relation: Relation, ...kinds: K[]): Extract<Relation, { kind: K }>[] {
  const isWanted = (each: Relation): each is Extract<Relation, { kind: K }> =>
    (kinds as readonly string[]).includes(each.kind)
  if (isWanted(relation)) return [relation]
  switch (relation.kind) {
    case 'union':
      return relation.inputs.flatMap((input) => topmost(input, ...kinds))
    case 'semi':
      return [relation.input, relation.among].flatMap((input) => topmost(input, ...kinds))
    case 'source':
    case 'sql':
    case 'log':
    case 'input':
    case 'beside':
    case 'asOf':
      return []
    default:
      return topmost(relation.input, ...kinds)
  }
}
