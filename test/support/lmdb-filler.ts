// A process that writes to an online store until it is full: node lmdb-filler.ts FOLDER. It prints what it met, as JSON.
import { isProvenderError } from '../../src/kernel/errors.ts'
import { openLmdbOnline } from '../../src/engines/lmdb/online.ts'
import { keyed, packed, readRows } from '../../src/testing/online-rows.ts'

const space = { view: 'filled', generation: 1n }
const rows = (from: number, count: number, size: number): ReturnType<typeof keyed>[] =>
  Array.from({ length: count }, (_, i) => keyed(`key-${from + i}`, packed({ event: 1 }, 'x'.repeat(size))))

/** The code of what a call threw, or `none`. */
async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'none'
  } catch (thrown) {
    return isProvenderError(thrown) ? thrown.code : 'unknown'
  }
}

await using store = await openLmdbOnline(process.argv[2] ?? '')
let written = 0
let code = 'none'
while (code === 'none' && written < 200_000) {
  code = await codeOf(store.write(space, rows(written, 500, 200)))
  if (code === 'none') written += 500
}
const together = await Promise.all(
  [1, 2, 3].map(async (n) => codeOf(store.write(space, rows(n * 1_000_000, 5000, 500)))),
)
const [found] = await readRows(store, [{ space, keys: rows(0, written + 500, 0).map((row) => row.key) }])
const freed = await codeOf(store.drop(space))
const after = await codeOf(store.write(space, rows(0, 10, 100)))
console.log(
  JSON.stringify({ written, code, together, found: found?.filter((row) => row !== null).length, freed, after }),
)
