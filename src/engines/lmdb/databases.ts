import { randomUUID } from 'node:crypto'
import { accessSync, closeSync, constants, existsSync, mkdirSync, openSync, readSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Database, RootDatabase } from 'lmdb'
import { fail } from '../../kernel/errors.ts'
import { damageOf } from './damage.ts'
import { isFull, storeFailure } from './failure.ts'

/** The open file of an online store. Keys and values are bytes throughout. */
export interface Databases {
  readonly root: RootDatabase<Buffer, Uint8Array>
  readonly rows: Database<Buffer, Uint8Array>
  readonly marks: Database<Buffer, Uint8Array>
  readonly schemas: Database<Buffer, Uint8Array>
  readonly file: string
  readonly inode: bigint
  readonly incarnation: string
}

/** The layout of keys and marks; a store of another one is not read. */
const format = 'provender-online-1'
const magic = Buffer.from('dec0efbe02000000', 'hex')
const magicAt = 24
const smallestFile = 8192
/** Rounds of opening while others swap the file under us. */
const attempts = 5
const bytes = Object.freeze({ encoding: 'binary', keyEncoding: 'binary' } as const)

/**
 * Opens the store in a folder, which is made if missing.
 * @throws CORRUPT_STORE where the file there is no online store; STORE_UNREACHABLE, STORE_FULL.
 */
export async function openDatabases(folder: string): Promise<Databases> {
  const file = join(folder, 'data.mdb')
  for (let attempt = 0; attempt < attempts; attempt++) {
    const opened = await tryOpen(folder, file)
    if (isInPlace(opened)) return opened
    await opened.root.close()
  }
  throw fail('STORE_UNREACHABLE', `The online store ${file} was replaced while it was opened`)
}

/** Whether the open file is the one that lies at its path now. */
export function isInPlace(databases: { readonly file: string; readonly inode: bigint }): boolean {
  return inodeOf(databases.file) === databases.inode
}

function inodeOf(file: string): bigint | undefined {
  return statSync(file, { bigint: true, throwIfNoEntry: false })?.ino
}

async function tryOpen(folder: string, file: string): Promise<Databases> {
  const { open } = await import('lmdb')
  let root: RootDatabase<Buffer, Uint8Array> | undefined
  let held: number | undefined
  try {
    mkdirSync(folder, { recursive: true })
    held = openSync(folder, constants.O_RDONLY)
    const place = placeOf(held, folder)
    const data = join(place, 'data.mdb')
    assertLmdb(data, file)
    assertRoom(place, folder)
    const before = inodeOf(data)
    // Without overlappingSync a commit answers when it is on disk. The map grows by itself from lmdb's own first size.
    root = open<Buffer, Uint8Array>({
      path: place,
      noSubdir: false,
      overlappingSync: false,
      maxDbs: 8,
      maxReaders: 512,
      ...bytes,
    })
    const inode = before ?? inodeOf(data)
    const [rows, marks, schemas, store] = ['rows', 'marks', 'schemas', 'store'].map((name) =>
      root?.openDB<Buffer, Uint8Array>({ name, ...bytes }),
    )
    if (
      inode === undefined ||
      rows === undefined ||
      marks === undefined ||
      schemas === undefined ||
      store === undefined
    )
      throw fail('STORE_UNREACHABLE', `The online store ${file} vanished while it was opened`)
    const id = await identify(root, store, file)
    return Object.freeze({ root, rows, marks, schemas, file, inode, incarnation: `${id}.${inode}` })
  } catch (thrown) {
    await root?.close()
    throw await storeFailure(thrown, file)
  } finally {
    if (held !== undefined) closeSync(held)
  }
}

/**
 * Where a folder can be reached for as long as it is held open, even when it is renamed meanwhile: lmdb ends the process where
 * it cannot open (it frees its environment twice). Without /proc a folder that is swapped in that instant still does.
 */
const placeOf = (held: number, folder: string): string =>
  existsSync('/proc/self/fd') ? `/proc/self/fd/${held}` : folder

/** The store's id, written by whoever opens it first. */
async function identify(
  root: RootDatabase<Buffer, Uint8Array>,
  store: Database<Buffer, Uint8Array>,
  file: string,
): Promise<string> {
  const [formatKey, idKey] = [Buffer.from('format'), Buffer.from('id')]
  const known = store.getBinary(idKey)
  if (known === undefined) {
    await root.transaction(() => {
      if (store.getBinary(idKey) !== undefined) return
      void store.put(formatKey, Buffer.from(format))
      void store.put(idKey, Buffer.from(randomUUID()))
    })
  }
  const found = store.getBinary(formatKey)?.toString()
  if (found !== format)
    throw fail(
      'CORRUPT_STORE',
      `The online store ${file} has the format ${found ?? 'of something else'}; this release reads ${format}`,
    )
  return (known ?? store.getBinary(idKey))?.toString() ?? ''
}

/** `data` is the file as it is reached, `file` its name. lmdb crashes the process where the file is no LMDB file of its version, and where it cannot be opened: that is found out before. */
function assertLmdb(data: string, file: string): void {
  accessSync(dirname(data), constants.W_OK)
  const size = statSync(data, { throwIfNoEntry: false })?.size ?? 0
  if (size === 0) return
  const head = Buffer.alloc(magic.length)
  const descriptor = openSync(data, 'r+')
  try {
    readSync(descriptor, head, 0, head.length, magicAt)
    if (size < smallestFile || !head.equals(magic))
      throw corrupt(`${file} is not an LMDB file of a version that this release reads`)
    const damage = damageOf(descriptor)
    if (damage !== undefined) throw corrupt(`The online store ${file} is damaged: ${damage}`)
  } finally {
    closeSync(descriptor)
  }
}

/** What is online is derived: it need not be restored. */
const corrupt = (detail: string): Error =>
  fail('CORRUPT_STORE', detail, {
    remedy:
      'Move its folder away and run  provender materialize: what is online is built anew from history. See docs/guide/operating.md#restore.',
  })

/** Opening maps files that were only just made; where the disk has no room for their pages, touching them ends the process. */
function assertRoom(place: string, folder: string): void {
  const made = ['data.mdb', 'lock.mdb'].every(
    (name) => (statSync(join(place, name), { throwIfNoEntry: false })?.blocks ?? 0) > 0,
  )
  if (!made && isFull(join(place, 'data.mdb')))
    throw fail('STORE_FULL', `There is no room for an online store in ${folder}`)
}
