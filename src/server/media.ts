import type { IncomingHttpHeaders } from 'node:http'
import type { MediaType, Route } from '../contract/route.ts'
import { fail } from '../kernel/errors.ts'

/** The content type of a body without its parameters. */
const essenceOf = (contentType: string): string => contentType.split(';', 1)[0]?.trim().toLowerCase() ?? ''

/** The media type of a request's body, as the route takes it; undefined where there is no body. @throws UNSUPPORTED_MEDIA_TYPE; BAD_REQUEST for a body where none is taken. */
export function bodyMedia(route: Route, headers: IncomingHttpHeaders): MediaType | undefined {
  const { 'content-type': type, 'content-length': length, 'transfer-encoding': transfer } = headers
  if (transfer === undefined && (length === undefined || length === '0')) return undefined
  if (route.accepts.length === 0)
    throw fail('BAD_REQUEST', `${route.method} ${route.path} takes no body`, { remedy: 'Send it without a body.' })
  const encoding = headers['content-encoding'] ?? 'identity'
  const packed =
    encoding !== 'identity' ? encoding : transfer === undefined || transfer === 'chunked' ? undefined : transfer
  if (packed !== undefined)
    throw fail('UNSUPPORTED_MEDIA_TYPE', `Bodies are not read in the encoding ${packed}`, {
      remedy: 'Send the body as it is.',
    })
  const essence = type === undefined ? '' : essenceOf(type)
  const media = route.accepts.find((each) => each === essence)
  if (media !== undefined) return media
  throw fail(
    'UNSUPPORTED_MEDIA_TYPE',
    `${type === undefined ? 'A body without a content type' : `A body of the type ${essence}`} is not taken here`,
    {
      remedy: `Send ${route.accepts.join(', ')}.`,
    },
  )
}

interface Wish {
  readonly type: string
  readonly weight: number
}

/** The form of the answer that `accept` picks: of the forms that the route has, the first unless another is liked better. @throws UNSUPPORTED_MEDIA_TYPE where none is wanted. */
export function wantedMedia(route: Route, accept: string | undefined): MediaType {
  const [usual = 'application/json'] = route.answers
  // A route of one form answers in it, whatever is asked for: what people's tools send by themselves is no wish.
  if (accept === undefined || route.answers.length === 1 || accept === '*/*') return usual
  const wishes = accept.split(',').map(wishOf)
  const weights = route.answers.map((media) => ({ media, ...weightOf(media, wishes) }))
  const [best] = weights.filter(({ weight }) => weight > 0).sort((a, b) => b.weight - a.weight || b.exact - a.exact)
  if (best !== undefined) return best.media
  throw fail('UNSUPPORTED_MEDIA_TYPE', `The answer cannot be ${accept}`, {
    at: 'accept',
    remedy: `Ask for ${route.answers.join(', ')}.`,
  })
}

function wishOf(text: string): Wish {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase())
  const quality = parameters.find((parameter) => parameter.startsWith('q='))
  const weight = quality === undefined ? 1 : Number(quality.slice(2))
  return { type, weight: Number.isFinite(weight) ? weight : 0 }
}

/** How much a type is wanted; what names it more exactly counts. */
function weightOf(media: MediaType, wishes: readonly Wish[]): { readonly weight: number; readonly exact: number } {
  for (const [exact, type] of [media, `${media.split('/', 1)[0]}/*`, '*/*'].entries()) {
    const wish = wishes.find((each) => each.type === type)
    if (wish !== undefined) return { weight: wish.weight, exact: -exact }
  }
  return { weight: 0, exact: 0 }
}
