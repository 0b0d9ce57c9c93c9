// A worker on real servers that stops itself (SIGSTOP) where it is told to: `dir leaseMs`, then a point of a run on each line.
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { openEngines } from '../../src/compose/engines.ts'
import { composeStore } from '../../src/compose/store.ts'
import { loadConfig } from '../../src/definitions/load-files.ts'
import { systemClock } from '../../src/kernel/clock.ts'

const [, , dir = '', leaseMs = ''] = process.argv
const say = (line: string): void => void writeSync(1, `${line}\n`)
/** Between two rounds of what workers do. */
const roundMs = 200

const config = loadConfig(dir)
let stopAt = ''
const store = composeStore(config, await openEngines(config, systemClock), {
  clock: systemClock,
  serves: true,
  waits: { leaseMs: Number(leaseMs), pollMs: 50 },
  reached(point) {
    if (point !== stopAt) return
    stopAt = ''
    say(`stops at ${point}`)
    process.kill(process.pid, 'SIGSTOP')
  },
})
await store.versions()
say('ready')
void (async () => {
  for (;;) {
    await store.maintain().catch((thrown: unknown) => say(`maintain failed: ${String(thrown)}`))
    await new Promise((resolve) => setTimeout(resolve, roundMs))
  }
})()
for await (const line of createInterface({ input: process.stdin })) {
  stopAt = line
  void store.materialize().then(
    () => say('ended succeeded'),
    (thrown: unknown) => say(`ended failed: ${String(thrown)}`),
  )
}
