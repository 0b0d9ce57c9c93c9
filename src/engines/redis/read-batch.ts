import { fail } from '../../kernel/errors.ts'
import type { ByteList } from '../../values/byte-list.ts'
import { entityKey, keyEnds } from './layout.ts'
import type { Argument } from './node.ts'
import type { Item } from './spread.ts'

// What is looked up together goes to a server as one piece of memory, and comes back as one: the driver works for half a
// microsecond on each argument, and for longer on each element of an answer.

/** Look-ups of one command: more would hold up whoever asks meanwhile. */
export const keysAtOnce = 512

/** A list of rows that somebody waits for, and what was answered of it. */
export interface ReadTarget {
  /** As those of a `ByteList`, but each within the answer that it came with. */
  readonly bounds: number[]
  readonly answers: {
    readonly bytes: Buffer
    readonly from: number
    readonly to: number
    readonly at: readonly number[]
  }[]
}

/** Keys of one list, to be looked up in one space. */
export interface ReadPart {
  readonly field: Buffer
  readonly keys: ByteList
  /** Which of the list's keys; none of them is missing. */
  readonly at: number[]
  readonly target: ReadTarget
}

/** A list of rows, none of which is there yet. */
export const targetOf = ({ bounds }: ByteList): ReadTarget => ({ bounds: bounds.map(() => -1), answers: [] })

/** The rows, in the memory of the answer where all came with one. */
export function listOf({ bounds, answers }: ReadTarget): ByteList {
  const [only] = answers
  if (answers.length <= 1) return { bytes: only?.bytes ?? Buffer.alloc(0), bounds }
  let end = 0
  for (const { from, to, at } of answers) {
    for (const i of at) {
      bounds[2 * i] = (bounds[2 * i] ?? 0) + end - from
      bounds[2 * i + 1] = (bounds[2 * i + 1] ?? 0) + end - from
    }
    end += to - from
  }
  return { bytes: Buffer.concat(answers.map(({ bytes, from, to }) => bytes.subarray(from, to))), bounds }
}

/** The arguments of `readRows` for keys of a project: a field and its keys in turn, each key behind its length. */
export function readArguments(project: string, parts: readonly ReadPart[]): Argument[] {
  const [head, tail] = keyEnds(project)
  const around = lengthBytes + head.length + tail.length
  let room = 0
  for (const { keys, at } of parts) for (const i of at) room += around + lengthAt(keys, i)
  const packed = Buffer.allocUnsafe(room)
  const args: Argument[] = []
  let [begun, end] = [0, 0]
  for (const [p, { field, keys, at }] of parts.entries()) {
    for (const i of at) {
      const start = keys.bounds[2 * i] ?? 0
      const length = lengthAt(keys, i)
      end = packed.writeUInt16BE(around - lengthBytes + length, end)
      end += head.copy(packed, end)
      end += keys.bytes.copy(packed, end, start, start + length)
      end += tail.copy(packed, end)
    }
    if (parts[p + 1]?.field === field) continue
    args.push(field, packed.subarray(begun, end))
    begun = end
  }
  return args
}

const lengthBytes = 2
const lengthAt = ({ bounds }: ByteList, i: number): number => (bounds[2 * i + 1] ?? 0) - (bounds[2 * i] ?? 0)

/** Takes an answer of `readRows` apart. Answers what has to be asked for elsewhere. */
export function takeRows(parts: readonly ReadPart[], answer: unknown): ReadPart[] {
  const bytes = asAnswer(answer)
  const left: ReadPart[] = []
  let end = 0
  for (const part of parts) {
    const { at, target } = part
    const from = end
    // Mostly all that was asked for is there: then `at` is the list of it.
    let [here, away]: (number[] | undefined)[] = []
    for (const [k, i] of at.entries()) {
      const length = bytes.readUInt32BE(end)
      end += rowLengthBytes
      if (length === isAway || length === isMissing) {
        here ??= at.slice(0, k)
        if (length === isAway) (away ??= []).push(i)
      } else {
        here?.push(i)
        target.bounds[2 * i] = end
        target.bounds[2 * i + 1] = end += length
      }
    }
    if ((here ?? at).length > 0) target.answers.push({ bytes, from, to: end, at: here ?? at })
    if (away !== undefined) left.push({ ...part, at: away })
  }
  return left
}

/** What `readRows` puts in place of a length. */
const isMissing = 0xff_ff_ff_ff
const isAway = 0xff_ff_ff_fe
const rowLengthBytes = 4

function asAnswer(answer: unknown): Buffer {
  if (answer instanceof Buffer) return answer
  throw fail('CORRUPT_STORE', 'The online store answered a look-up with what are no rows')
}

/** The same look-ups one by one, for keys that are not where they should be. */
export function itemsOf(
  project: string,
  parts: readonly ReadPart[],
): { readonly item: Item; readonly part: ReadPart }[] {
  return parts.flatMap((part) =>
    part.at.map((i) => {
      const alone = { ...part, at: [i] }
      const key = part.keys.bytes.subarray(part.keys.bounds[2 * i], part.keys.bounds[2 * i + 1])
      return {
        item: { key: entityKey(project, key), args: readArguments(project, [alone]) },
        part: alone,
      }
    }),
  )
}

/** The answer for some of those, each as an answer of its own; undefined where its key is not there either. */
export function answersOf(answer: unknown, count: number): (Buffer | undefined)[] {
  const bytes = asAnswer(answer)
  let end = 0
  return Array.from({ length: count }, () => {
    const from = end
    const length = bytes.readUInt32BE(end)
    end += rowLengthBytes + (length === isMissing || length === isAway ? 0 : length)
    return length === isAway ? undefined : bytes.subarray(from, end)
  })
}
