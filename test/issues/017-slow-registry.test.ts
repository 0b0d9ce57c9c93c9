import { expect, test } from 'vitest'
import { openSnapshots } from '../../src/definitions/snapshots.ts'
import { memoryMetadataStore, openMemoryMetadata } from '../../src/engines/memory/metadata.ts'
import { manualClock } from '../../src/kernel/clock.ts'
import { noVersion } from '../../src/ports/registry.ts'

// A push asks for the registry after its row is in the log. A reading that began long before that, and is slow to answer, may
// have missed a generation that was born since, and that has caught up with less of the log.
test('no call is given a snapshot that is older than it may be, however slow the registry answers', async () => {
  const { registry } = openMemoryMetadata(memoryMetadataStore(), manualClock(0n))
  let nowMs = 0
  const answers: PromiseWithResolvers<void>[] = []
  const snapshots = openSnapshots({
    nowMs: () => nowMs,
    registry: {
      ...registry,
      async snapshot(...asked) {
        const answer = await registry.snapshot(...asked)
        const held = Promise.withResolvers<void>()
        answers.push(held)
        await held.promise
        return answer
      },
    },
  })
  const first = snapshots.current()
  nowMs = 1900
  await registry.commit({
    parent: 0,
    author: 'somebody else',
    changes: 1,
    generations: [],
    at: 0n,
    definitions: noVersion.definitions,
  })
  nowMs = 2500
  const second = snapshots.current()
  for (let i = 0; i < 2; i++) {
    await new Promise((resolve) => setImmediate(resolve))
    answers[i]?.resolve()
  }
  expect((await first).version).toBe(0)
  expect((await second).version).toBe(1)
})
