import { describe, test } from 'vitest'
import { openMemoryOffline } from '../../src/engines/memory/offline.ts'
import { memoryPushLog } from '../../src/engines/memory/push-log.ts'
import { offlineLaws } from 'provender/testing'

describe('the offline store in memory', () => {
  for (const { law, run } of offlineLaws) {
    test(law, async () => {
      await run({
        open: async () => {
          const log = memoryPushLog().open()
          const offline = openMemoryOffline(log)
          let inode = 0n
          return {
            offline,
            log,
            put: async (source, tables) => {
              const files = tables.map((table, i) => ({
                ...table,
                path: `/memory/${source}/${i}`,
                sizeBytes: table.rows.length,
                mtimeUs: inode,
                inode: ++inode,
              }))
              offline.files.set(source, files)
              return `/memory/${source}`
            },
            [Symbol.asyncDispose]: async () => {
              await offline[Symbol.asyncDispose]()
              await log[Symbol.asyncDispose]()
            },
          }
        },
      })
    })
  }
})
