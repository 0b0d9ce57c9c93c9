import { randomBytes } from 'node:crypto'

/** The id of a request: its own `x-request-id` where that may be echoed, else a new one. */
export const requestIdOf = (given: string | readonly string[] | undefined): string =>
  typeof given === 'string' && requestId.test(given) ? given : `${ofProcess}-${(++requests).toString(36)}`

const requestId = /^[A-Za-z0-9._:-]{1,128}$/

/** New ids differ by process and number: a random one each would cost half of what finding a row does. */
const ofProcess = randomBytes(9).toString('base64url')
let requests = 0
