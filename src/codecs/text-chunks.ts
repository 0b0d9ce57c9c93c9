import { fail } from '../kernel/errors.ts'

/**
 * Decodes UTF-8 as it arrives, a byte order mark left out.
 * @param where What the bytes are, for errors.
 * @throws BAD_REQUEST for what is no UTF-8.
 */
export async function* textChunks(chunks: AsyncIterable<Uint8Array>, where: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const decode = (chunk?: Uint8Array): string => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true })
    } catch (thrown) {
      throw fail('BAD_REQUEST', `What was sent as ${where} is not UTF-8`, { cause: thrown, remedy: 'Send UTF-8 text.' })
    }
  }
  for await (const chunk of chunks) {
    const text = decode(chunk)
    if (text !== '') yield text
  }
  const rest = decode()
  if (rest !== '') yield rest
}
