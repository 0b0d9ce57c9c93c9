// A process that does something and says, in the moment in which it was told that it is done, how many bytes of the stores'
// files are not written to the disk yet: node durable-child.ts DIR WHAT. It cuts the files to nothing for that: the system counts
// what it need not write any more. Then it ends without another word.
import { readFileSync, readdirSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { openPushLog } from '../../src/engines/duckdb/push-log/push-log.ts'
import { crashWaits } from '../crash/materializer.ts'
import { type OpenRepository, definitionsOf, epoch, firstVariant, openRepository } from '../crash/repository.ts'

/** Bytes that this process wrote into files and that were cut off before the system had written them. */
function cancelledBytes(): number {
  const found = /cancelled_write_bytes: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))
  return Number(found?.[1] ?? Number.NaN)
}

/** How many bytes of a file are not written yet. */
function unwritten(path: string): number {
  const before = cancelledBytes()
  truncateSync(path, 0)
  return cancelledBytes() - before
}

/** All files of the stores but those that are shared memory, or only tell who is there. */
function storedFiles(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/^(lock\.mdb|maintenance\.lock|.*-shm)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
}

type Work = (opened: OpenRepository, dir: string) => Promise<unknown>

const rows = (count: number) => Array.from({ length: count }, (_, k) => ({ k, at: epoch, v: k }))

/** What is done; nothing else was, but for what makes it possible. */
const works: Readonly<Record<string, readonly Work[]>> = {
  apply: [({ store }) => store.apply(definitionsOf(firstVariant))],
  push: [
    ({ store }) => store.apply(definitionsOf(firstVariant)),
    ({ store }) => store.push('latest', [{ k: 1, at: epoch, v: 1 }]),
  ],
  'push with a key, to a source, some of it bad': [
    ({ store }) => store.apply(definitionsOf(firstVariant)),
    ({ store }) => store.push('things', [...rows(500), { k: 'x' }], { idempotencyKey: 'a' }),
  ],
  'many pushes at once': [
    ({ store }) => store.apply(definitionsOf(firstVariant)),
    ({ store }) => Promise.all(rows(50).map((row) => store.push('latest', [row]))),
  ],
  delete: [
    ({ store }) => store.apply(definitionsOf(firstVariant)),
    ({ store }) => store.push('latest', rows(10)),
    ({ store }) => store.delete('latest', { k: 1 }),
  ],
  materialize: [
    ({ store }) => store.apply(definitionsOf(firstVariant)),
    ({ store }) => store.push('latest', rows(1000), { to: 'offline' }),
    ({ store }) => store.materialize('latest'),
  ],
  seal: [
    ({ store }) => store.apply(definitionsOf(firstVariant)),
    ({ store }) => store.push('latest', rows(1000), { idempotencyKey: 'a' }),
    async (_, dir) => {
      await using log = await openPushLog(join(dir, '.provender/offline/log'), { sealBytes: 1 })
      await log.maintain({ purge: [], nowUs: epoch })
    },
  ],
}

async function main(dir: string, what: string): Promise<void> {
  writeFileSync(join(dir, 'data', 'a.csv'), 'k,at,seen,v,w\n7,2025-12-31T23:00:00Z,2025-12-31T23:00:00Z,7,7\n')
  const opened = await openRepository(dir, epoch, { waits: crashWaits })
  for (const work of works[what] ?? []) await work(opened, dir)
  const told = storedFiles(join(dir, '.provender')).map((path) => {
    const { size } = statSync(path)
    return { path, size, unwritten: unwritten(path) }
  })
  // That this finds what is not written.
  writeFileSync(join(dir, 'control'), Buffer.alloc(10_000, 1))
  writeSync(1, JSON.stringify({ told, control: unwritten(join(dir, 'control')) }))
  process.kill(process.pid, 'SIGKILL')
}

if (import.meta.main) await main(process.argv[2] ?? '', process.argv[3] ?? '')
