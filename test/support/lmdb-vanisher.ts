// Opens an online store again and again while its folder is moved away, and says how often it was moved.
import { mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { openLmdbOnline } from '../../src/engines/lmdb/online.ts'
import { isProvenderError } from '../../src/kernel/errors.ts'

const [dir = '', times = ''] = process.argv.slice(2)
const folder = join(dir, 'online')
await mkdir(join(dir, 'aside'))
let moved = 0
let refused = 0
for (let i = 0; i < Number(times); i++) {
  await mkdir(folder, { recursive: true })
  const opening = openLmdbOnline(folder).catch((thrown: unknown) => {
    if (!isProvenderError(thrown) || thrown.code !== 'STORE_UNREACHABLE') throw thrown
    refused++
  })
  for (let turns = 0; turns < i % 10; turns++) await Promise.resolve()
  await rename(folder, join(dir, 'aside', String(i))).then(
    () => moved++,
    () => undefined,
  )
  const store = await opening
  await store?.[Symbol.asyncDispose]()
}
console.log(JSON.stringify({ moved, refused }))
