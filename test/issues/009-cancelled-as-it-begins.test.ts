import { expect, test } from 'vitest'
import { openMemoryMetadata } from '../../src/engines/memory/metadata.ts'
import { things } from '../../src/testing/store-bench.ts'
import { sharedMemory } from '../support/shared-memory.ts'

// Between the look at a run that is queued and the write that asks for its end, the run may begin.
test('a run that begins as it is cancelled is cancelled', async () => {
  const memory = sharedMemory()
  const { runLog: direct } = openMemoryMetadata(memory.metadata, memory.clock)
  let begins = false
  await using store = memory.open({
    around: ({ runLog }) => ({
      runLog: {
        ...runLog,
        async runs(...asked) {
          const found = await runLog.runs(...asked)
          const [run] = found
          if (begins && run?.state === 'queued') await direct.putRun({ ...run, state: 'running' }, ['queued'])
          return found
        },
      },
    }),
  })
  await store.apply(things())
  const [ended] = await store.materialize('view')
  const [like] = await direct.runs({ limit: 1 })
  expect(like?.id).toBe(ended?.id)
  if (like === undefined) return
  await direct.putRun({ ...like, id: 'elsewhere', state: 'queued', startedAt: null, endedAt: null })
  begins = true
  expect(await store.cancelRun('elsewhere')).toMatchObject({ id: 'elsewhere', state: 'running' })
  expect(await direct.runs({ id: 'elsewhere', limit: 1 })).toMatchObject([{ state: 'running', cancel: true }])
})
