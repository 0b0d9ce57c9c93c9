// A process that writes a row of the event time that it is sent, and answers when it is durable, by a message and by a file
// of that name: node lmdb-answerer.ts FOLDER ANSWERS.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openLmdbOnline } from '../../src/engines/lmdb/online.ts'
import { keyed, packed } from '../../src/testing/online-rows.ts'

export const answeredSpace = Object.freeze({ view: 'answered', generation: 1n })

if (import.meta.main) {
  const store = await openLmdbOnline(process.argv[2] ?? '')
  process.on('message', (event: number) => {
    void store.write(answeredSpace, [keyed('k', packed({ event }))]).then(() => {
      writeFileSync(join(process.argv[3] ?? '', String(event)), '')
      process.send?.(event)
    })
  })
  process.on('disconnect', () => void store[Symbol.asyncDispose]())
  process.send?.(0)
}
