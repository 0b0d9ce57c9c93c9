import type { IncomingMessage } from 'node:http'
import { parseExact } from '../codecs/exact-json.ts'
import { problemType } from '../contract/route.ts'
import { type ProvenderError, fail, isProvenderError } from '../kernel/errors.ts'
import { clientLimits } from './client-limits.ts'
import type { ServerCall } from './server-calls.ts'
import { errorOfProblem } from './problem-error.ts'

/** Levels that an answer may be nested: a row that was refused may be as deep as a body, and stands in a list. */
const answerLevels = 128

const mediaOf = (answer: IncomingMessage): string =>
  answer.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() ?? ''

const isGood = ({ statusCode = 0 }: IncomingMessage): boolean => statusCode >= 200 && statusCode < 300

/** The error for what no Provender server says. */
export const strange = (url: URL, what: string): ProvenderError =>
  fail('STORE_UNREACHABLE', `What answers at ${url.origin} is no Provender server: ${what}`, {
    remedy: 'Check the URL, and what stands between here and the server.',
  })

/** Demands an answer of a media type. @throws the error that the server tells; STORE_UNREACHABLE for what no Provender server answers. */
export async function demandGood(answer: IncomingMessage, media: string, url: URL): Promise<void> {
  const got = mediaOf(answer)
  if (isGood(answer) && got === media) return
  if (got === problemType) {
    const error = errorOfProblem(parsed(await textOf(answer, url), url))
    if (error !== undefined) throw withRequestId(error, answer)
  }
  answer.destroy()
  const { statusCode = 0, headers } = answer
  if (headers.location !== undefined) throw strange(url, `it leads to ${headers.location.slice(0, shownChars)}`)
  if (statusCode === 504) throw fail('DEADLINE_EXCEEDED', `${url.origin} answered 504: what stands before it gave up`)
  throw strange(url, `it answered ${statusCode}${got === '' ? '' : ` ${got.slice(0, shownChars)}`}`)
}

const shownChars = 200

/** Only the server knows what went wrong; its log finds it by this. */
function withRequestId(error: ProvenderError, { headers }: IncomingMessage): ProvenderError {
  const id = headers['x-request-id']
  if (error.code !== 'INTERNAL' || typeof id !== 'string') return error
  return fail('INTERNAL', error.message, { remedy: `Report it with the request id ${id}.`, cause: error })
}

/** Reads a good answer as JSON, and looks whether what a call needs of it is there. @throws as `demandGood`; STORE_UNREACHABLE. */
export async function readAnswer(
  answer: IncomingMessage,
  call: ServerCall,
  url: URL,
): Promise<Readonly<Record<string, unknown>>> {
  await demandGood(answer, 'application/json', url)
  const json = parsed(await textOf(answer, url), url)
  if (typeof json !== 'object' || json === null) throw strange(url, `${call.path} answered no object`)
  const members = json as Readonly<Record<string, unknown>>
  for (const [name, kind] of Object.entries(call.answer)) {
    const value = members[name]
    const isThere = kind === 'array' ? Array.isArray(value) : typeof value === kind && value !== null
    if (!isThere) throw strange(url, `the answer of ${call.path} lacks "${name}"`)
  }
  return members
}

function parsed(text: string, url: URL): unknown {
  try {
    return parseExact(text, 'the answer', { levels: answerLevels })
  } catch (thrown) {
    if (!isProvenderError(thrown)) throw thrown
    throw strange(url, thrown.message)
  }
}

/** By events: iterating takes three times as long for what comes in one piece. */
function chunksOf(answer: IncomingMessage, url: URL): Promise<readonly Buffer[]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly Buffer[]>()
  const chunks: Buffer[] = []
  let size = 0
  answer.on('data', (chunk: Buffer) => {
    size += chunk.length
    chunks.push(chunk)
    if (size <= clientLimits.answerBytes) return
    reject(strange(url, `its answer has more than ${clientLimits.answerBytes} bytes`))
    answer.destroy()
  })
  answer.on('end', () => resolve(chunks))
  answer.on('error', reject)
  answer.on('close', () => reject(new Error('the answer was cut off')))
  return promise
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** The whole body as text. @throws what ends it early; STORE_UNREACHABLE for one that is too large or no UTF-8. */
async function textOf(answer: IncomingMessage, url: URL): Promise<string> {
  const chunks = await chunksOf(answer, url)
  const [only] = chunks
  try {
    return utf8.decode(chunks.length === 1 ? only : Buffer.concat(chunks))
  } catch {
    throw strange(url, 'its answer is not UTF-8')
  }
}
