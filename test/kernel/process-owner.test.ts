import { expect, test } from 'vitest'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { isDead, type ProcessOwner, processOwner } from '../../src/kernel/process-owner.ts'

const module = join(import.meta.dirname, '../../src/kernel/process-owner.ts')
const program = `import { processOwner } from ${JSON.stringify(module)}; console.log(JSON.stringify(processOwner())); setInterval(() => {}, 1000)`

test('this process lives and knows itself', () => {
  expect(processOwner().pid).toBe(process.pid)
  expect(isDead(processOwner())).toBe(false)
})

test('another process lives until it is killed', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [printed] = (await once(child.stdout, 'data')) as [Buffer]
  const owner = JSON.parse(printed.toString()) as ProcessOwner
  expect([owner.pid, owner.boot]).toEqual([child.pid, processOwner().boot])
  expect(isDead(owner)).toBe(false)
  child.kill('SIGKILL')
  await once(child, 'close')
  expect(isDead(owner)).toBe(true)
})

test('a process that got the pid of an earlier one is not it', () => {
  expect(isDead({ ...processOwner(), startedAt: '1' })).toBe(true)
})

test('of a process of another host, boot or pid namespace nothing is known', () => {
  const ended = { ...processOwner(), startedAt: '1' }
  expect(isDead({ ...ended, host: 'elsewhere' })).toBe(false)
  expect(isDead({ ...ended, boot: 'before' })).toBe(false)
})
