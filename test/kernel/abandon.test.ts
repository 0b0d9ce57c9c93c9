import { setTimeout } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { abandonable } from '../../src/kernel/abandon.ts'

const unhandled: unknown[] = []
const note = (thrown: unknown): void => void unhandled.push(thrown)
let others: NodeJS.UnhandledRejectionListener[] = []
beforeEach(() => {
  unhandled.length = 0
  others = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection').on('unhandledRejection', note)
})
afterEach(() => {
  process.removeAllListeners('unhandledRejection')
  for (const each of others) process.on('unhandledRejection', each)
})

const failsSoon = async (): Promise<never> => {
  await setTimeout(5)
  throw new Error('too late')
}

test('work that fails when its deadline has passed already, or passes, is not the end of the process', async () => {
  const passed = { deadlineAtMs: Date.now() - 10 }
  await expect(abandonable(failsSoon(), passed)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  const passes = { deadlineAtMs: Date.now() + 1 }
  await expect(abandonable(failsSoon(), passes)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  const aborted = { signal: AbortSignal.abort(new Error('gone')) }
  await expect(abandonable(failsSoon(), aborted)).rejects.toMatchObject({ code: 'INTERRUPTED' })
  await setTimeout(30)
  expect(unhandled).toEqual([])
})

test('who waits hears what the work answers or throws', async () => {
  const call = { signal: new AbortController().signal, deadlineAtMs: Date.now() + 5000 }
  expect(await abandonable(setTimeout(1, 'done'), call)).toBe('done')
  await expect(abandonable(failsSoon(), call)).rejects.toThrow('too late')
})
