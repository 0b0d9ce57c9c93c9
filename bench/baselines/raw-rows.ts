import { join } from 'node:path'
import { type Database, type RootDatabase, open as openLmdb } from 'lmdb'

/** Rows read raw from an online store's LMDB file: the key put together in one buffer, the value copied out of lmdb's own. */
export interface RawRows {
  get(id: number): Buffer
  close(): Promise<void>
}

const idBytes = 8

/** Opens the rows of a folder. All keys begin alike, and end with an int64. */
export function openRawRows(dir: string): RawRows {
  const root: RootDatabase<Buffer, Buffer> = openLmdb({
    path: join(dir, '.provender', 'online'),
    noSubdir: false,
    overlappingSync: false,
    maxDbs: 8,
    encoding: 'binary',
    keyEncoding: 'binary',
  })
  const rows: Database<Buffer, Buffer> & { readonly lastSize?: number } = root.openDB({
    name: 'rows',
    encoding: 'binary',
    keyEncoding: 'binary',
  })
  const [first] = [...rows.getKeys({ limit: 1 })]
  if (first === undefined) throw new Error('There is a row')
  const key = Buffer.from(first)
  const view = new DataView(key.buffer, key.byteOffset, key.length)
  return {
    get(id) {
      view.setBigInt64(key.length - idBytes, BigInt(id))
      const found = rows.getBinaryFast(key)
      if (found === undefined) throw new Error('Every entity has a row')
      const row = Buffer.allocUnsafe(rows.lastSize ?? 0)
      found.copy(row, 0, 0, row.length)
      return row
    },
    close: () => root.close(),
  }
}
