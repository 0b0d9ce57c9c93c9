import { expect, test } from 'vitest'
import { inTurns, turnRows } from '../../src/engines/postgres/turns.ts'
import type { Batch } from '../../src/values/batch.ts'

/** What a session answers that had some turns of a spine, each row with its number there; tells of its end. */
async function* session(turns: readonly number[], rows: number, ended: () => void): AsyncGenerator<Batch> {
  const numbers = turns
    .flatMap((turn) => Array.from({ length: turnRows }, (_, i) => BigInt(turn * turnRows + i)))
    .filter((number) => number < rows)
  for (let from = 0; from < numbers.length; from += 2_048) {
    const some = numbers.slice(from, from + 2_048)
    yield { fields: [{ name: 'n', type: 'int64' }], columns: [some], rows: some.length }
  }
  ended()
}

const numbersOf = async (batches: AsyncIterable<Batch>): Promise<unknown[]> =>
  (await Array.fromAsync(batches)).flatMap(({ columns }) => Array.from(columns[0] ?? []))

test.for([0, 1, turnRows, turnRows + 1, 3 * turnRows, 3 * turnRows + 1, 5 * turnRows - 1])(
  '%i rows of three sessions come in order, and each session is read to its end',
  async (rows) => {
    const ended: number[] = []
    const turns = Array.from({ length: 9 }, (_, turn) => turn)
    const sessions = [0, 1, 2].map((i) =>
      session(
        turns.filter((turn) => turn % 3 === i),
        rows,
        () => ended.push(i),
      ),
    )
    expect(await numbersOf(inTurns(sessions))).toEqual(Array.from({ length: rows }, (_, i) => BigInt(i)))
    expect(new Set(ended)).toEqual(new Set([0, 1, 2]))
  },
)

test('a session that has rows when no turn is left is told of', async () => {
  const sessions = [session([0], 1, () => undefined), session([1], 2 * turnRows, () => undefined)]
  await expect(numbersOf(inTurns(sessions))).rejects.toMatchObject({ code: 'CORRUPT_STORE' })
})
