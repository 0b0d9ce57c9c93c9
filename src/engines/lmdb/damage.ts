import { fstatSync, readSync } from 'node:fs'

// LMDB has no checksums, and reads its file as memory: a page that is cut off, or is none, ends the process. So what can be
// known from the pages themselves is looked at before the file is opened. Layout of LMDB's format 2, little-endian:
// page: number u64 · transaction u64 · pad u16 · flags u16 · lower u16 · upper u16 · the places of its nodes u16 … · nodes. Places count from behind the header.
// meta (pages 0 and 1): page header · magic u32 · version u32 · address u64 · map size u64 · two trees · last page u64 · transaction u64.
// tree: page size u32 (of the first) · flags u16 · depth u16 · counts of pages and entries 4 × u64 · root u64.
// node: low u16 · high u16 · flags u16 · key size u16 · key · value. In a branch low, high and flags are a page number.
const header = 24
const treesAt = 48
const treeBytes = 48
const rootAt = 40
const lastPageAt = treesAt + 2 * treeBytes
const transactionAt = lastPageAt + 8
const metaBytes = transactionAt + 8
const [branch, leaf, overflow, small] = [1, 2, 4, 32] as const
const [bigValue, subTree] = [1, 2] as const
/** A root or page number that stands for none; numbers have 48 bits here, a file of them would have an exabyte. */
const noPage = 0xffff_ffff_ffff

/** Pages looked at when a file is opened: the upper ones, each some microseconds. A file that is too short is looked at whole. */
const pagesLookedAt = 64
/** How often a file is looked at again because somebody committed meanwhile. */
const attempts = 5

interface Meta {
  readonly transaction: number
  readonly pageBytes: number
  readonly lastPage: number
  readonly roots: readonly number[]
}

/**
 * Says what is wrong with an open LMDB file; undefined where nothing was found, or others write too fast for a look. Finds every
 * file that was cut off, and a page that is none among the upper ones.
 */
export function damageOf(descriptor: number): string | undefined {
  let found: string | undefined
  for (let attempt = 0; attempt < attempts; attempt++) {
    const meta = newestMeta(descriptor)
    if (meta === undefined) return 'its first pages cannot be read'
    found = look(descriptor, meta)
    // Pages of an older state are written anew by later transactions.
    if (found === undefined || newestMeta(descriptor)?.transaction === meta.transaction) return found
  }
  return undefined
}

function newestMeta(descriptor: number): Meta | undefined {
  const first = metaAt(descriptor, 0)
  const second = first === undefined ? undefined : metaAt(descriptor, first.pageBytes)
  return second !== undefined && first !== undefined && second.transaction > first.transaction ? second : first
}

function metaAt(descriptor: number, offset: number): Meta | undefined {
  const bytes = Buffer.alloc(metaBytes)
  if (readSync(descriptor, bytes, 0, metaBytes, offset) < metaBytes) return undefined
  const pageBytes = bytes.readUInt32LE(treesAt)
  if (pageBytes < 512 || pageBytes > 65_536 || (pageBytes & (pageBytes - 1)) !== 0) return undefined
  return {
    pageBytes,
    transaction: numberAt(bytes, transactionAt),
    lastPage: numberAt(bytes, lastPageAt),
    roots: [0, 1].map((tree) => numberAt(bytes, treesAt + tree * treeBytes + rootAt)),
  }
}

/** Goes through the pages from the roots, level by level. */
function look(descriptor: number, { pageBytes, lastPage, roots }: Meta): string | undefined {
  const { size } = fstatSync(descriptor)
  // The last pages may never have been written, where their transaction did not need them in the end.
  const limit = size < (lastPage + 1) * pageBytes ? Number.POSITIVE_INFINITY : pagesLookedAt
  const page = Buffer.alloc(pageBytes)
  const waiting = roots.filter((root) => root !== noPage)
  for (let i = 0; i < waiting.length && i < limit; i++) {
    const number = waiting[i] ?? 0
    if ((number + 1) * pageBytes > size) return `page ${number} lies beyond its end: it was cut off`
    readSync(descriptor, page, 0, pageBytes, number * pageBytes)
    const below = pagesBelow(page, number)
    if (below === undefined) return `page ${number} is damaged`
    for (const each of below) {
      if (each > lastPage) return `page ${number} is damaged`
      waiting.push(each)
    }
  }
  return undefined
}

/** The pages that a page names; undefined where it is no page of that number. */
function pagesBelow(page: Buffer, number: number): number[] | undefined {
  const flags = page.readUInt16LE(18)
  if (numberAt(page, 0) !== number) return undefined
  if ((flags & overflow) !== 0) return []
  if ((flags & (branch | leaf)) === 0) return undefined
  // Keys of one size without nodes, in trees of duplicates only.
  if ((flags & small) !== 0) return []
  const [lower, upper] = [page.readUInt16LE(20), page.readUInt16LE(22)]
  if (lower % 2 !== 0 || lower > upper || upper > page.length - header) return undefined
  const below: number[] = []
  for (let i = 0; i < lower / 2; i++) {
    const place = page.readUInt16LE(header + 2 * i)
    const named = place < upper ? undefined : nodeNames(page, header + place, (flags & branch) !== 0)
    if (named === undefined) return undefined
    if (named !== noPage) below.push(named)
  }
  return below
}

/** The page that a node names, or none; undefined where it does not fit into its page. */
function nodeNames(page: Buffer, node: number, inBranch: boolean): number | undefined {
  if (node + 8 > page.length) return undefined
  const value = node + 8 + page.readUInt16LE(node + 6)
  if (inBranch) return value > page.length ? undefined : numberAt(page, node)
  const flags = page.readUInt16LE(node + 4)
  const big = (flags & bigValue) !== 0
  const bytes = big ? 8 : page.readUInt32LE(node)
  if (value + bytes > page.length) return undefined
  if (big) return numberAt(page, value)
  return (flags & subTree) !== 0 && bytes >= treeBytes ? numberAt(page, value + rootAt) : noPage
}

const numberAt = (bytes: Buffer, at: number): number => bytes.readUIntLE(at, 6)
