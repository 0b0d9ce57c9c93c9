import { connect } from 'node:net'

/** One answer as it came over a connection. */
export interface RawAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** Longer than any answer of these tests takes on a busy machine. */
const patienceMs = 15_000

/**
 * Sends bytes (latin1) over a connection of their own; the answers that came back, in order. It waits for as many as are expected,
 * or for the end of the connection.
 * @param head whether the requests are HEAD, whose answers have no body
 */
export async function sendRaw(
  url: string,
  bytes: string,
  { count = 1, head = false } = {},
): Promise<readonly RawAnswer[]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly RawAnswer[]>()
  const { port, hostname } = new URL(url)
  let text = ''
  const socket = connect(Number(port), hostname, () => socket.write(bytes, 'latin1'))
  const timer = setTimeout(() => {
    socket.destroy()
    reject(new Error(`No answer but: ${text}`))
  }, patienceMs)
  const end = (): void => {
    clearTimeout(timer)
    socket.destroy()
    resolve(answersIn(text, head))
  }
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
    if (answersIn(text, head).length >= count) end()
  })
  socket.on('error', () => undefined).on('close', end)
  return promise
}

/** All whole answers of a text, but those that only say to go on. */
function answersIn(text: string, head: boolean): RawAnswer[] {
  const answers: RawAnswer[] = []
  for (let rest = text; ;) {
    const [top = '', ...after] = rest.split('\r\n\r\n')
    if (after.length === 0) return answers
    const [line = '', ...lines] = top.split('\r\n')
    const headers = Object.fromEntries(
      lines.map((each) => [each.slice(0, each.indexOf(':')).toLowerCase(), each.slice(each.indexOf(':') + 1).trim()]),
    )
    const status = Number(line.split(' ')[1])
    const length = head || status < 200 ? 0 : Number(headers['content-length'] ?? 0)
    const body = after.join('\r\n\r\n')
    if (body.length < length) return answers
    if (status >= 200) answers.push({ status, headers, text: Buffer.from(body.slice(0, length), 'latin1').toString() })
    rest = body.slice(length)
  }
}
