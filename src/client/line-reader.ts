import { textChunks } from '../codecs/text-chunks.ts'
import { clientLimits } from './client-limits.ts'

/** The lines of UTF-8 text as it arrives, without their ends; a last line without its end is left out: it was cut off. @throws BAD_REQUEST for what is no UTF-8 or too long. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>, tooLong: () => Error): AsyncGenerator<string> {
  // A long line comes in many pieces: joined once, not piece by piece.
  let pieces: string[] = []
  let chars = 0
  for await (const text of textChunks(chunks, 'the answer')) {
    let from = 0
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', from)) {
      pieces.push(text.slice(from, end))
      yield pieces.length === 1 ? (pieces[0] ?? '') : pieces.join('')
      pieces = []
      chars = 0
      from = end + 1
    }
    pieces.push(text.slice(from))
    chars += text.length - from
    if (chars > clientLimits.lineChars) throw tooLong()
  }
}
