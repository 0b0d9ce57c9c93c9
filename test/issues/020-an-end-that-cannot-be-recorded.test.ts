import { expect, test } from 'vitest'
import type { WireDefinitions } from '../../src/define/definition.ts'
import { fail } from '../../src/kernel/errors.ts'
import { things, thingColumns } from '../../src/testing/store-bench.ts'
import { sharedMemory } from '../support/shared-memory.ts'

const { view } = things().views
const both: WireDefinitions = { ...things(), views: { one: view, two: view } }

test('a run whose end cannot be recorded does not leave the runs behind it queued for ever', async () => {
  const memory = sharedMemory()
  memory.put('things', 'first', { columns: thingColumns, rows: [[1n, memory.clock.now(), null, 1n, 101n]] })
  await using store = memory.open({
    around: ({ runLog }) => ({
      runLog: {
        ...runLog,
        async putRun(run, ...asked) {
          if (run.view === 'one' && run.endedAt !== null) throw fail('STORE_UNREACHABLE', 'The metadata is away')
          return runLog.putRun(run, ...asked)
        },
      },
    }),
  })
  await store.apply(both)
  await expect(store.materialize()).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' })
  expect((await store.runs({ view: 'two' })).map((run) => run.state)).toEqual(['succeeded'])
  expect((await store.online('two', [{ k: 1 }])).exact).toEqual([[1n]])
})
