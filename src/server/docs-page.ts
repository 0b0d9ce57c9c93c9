import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { MediaType } from '../contract/route.ts'
import { openApi } from '../contract/open-api.ts'
import { fail } from '../kernel/errors.ts'
import type { Handlers, Reply } from './handler.ts'

/** Nothing from anywhere but here, and no script or style that stands in the page. Pictures of the style sheet are data. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Where the build has put Swagger UI; a checkout has it in node_modules only. */
const packed = fileURLToPath(new URL('./swagger-ui/', import.meta.url))

const start = `SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  // Its own answer is to ask a server of its makers.
  validatorUrl: null,
})
`

/** A file of the page: named for what it holds, so that a browser may keep it for ever. */
interface PageFile {
  readonly name: string
  readonly media: MediaType
  readonly text: string
}

interface Page {
  readonly html: string
  readonly files: ReadonlyMap<string, PageFile>
}

/** The API's description, and the page that shows it. What they are made of is read when somebody first asks. */
export function docsHandlers(): Pick<Handlers, 'openApi' | 'docs' | 'docsFile'> {
  let description: string | undefined
  let page: Page | undefined
  return {
    openApi: () => (description ??= JSON.stringify(openApi(version()))),
    docs: () => reply('text/html', (page ??= readPage()).html, 'no-cache'),
    docsFile({ params: { file } }) {
      const found = (page ??= readPage()).files.get(file)
      if (found === undefined) throw fail('UNKNOWN_NAME', `The page has no file "${file}"`, { remedy: 'See /docs.' })
      return reply(found.media, found.text, 'public, max-age=31536000, immutable')
    },
  }
}

function reply(media: MediaType, body: string, cacheControl: string): Reply {
  const headers = {
    'content-type': `${media}; charset=utf-8`,
    'cache-control': cacheControl,
    'content-security-policy': policy,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  }
  return { media, headers, body }
}

function readPage(): Page {
  const style = file('swagger-ui.css', 'text/css', ofSwaggerUi('swagger-ui.css'))
  const bundle = file('swagger-ui-bundle.js', 'text/javascript', ofSwaggerUi('swagger-ui-bundle.js'))
  const script = file('start.js', 'text/javascript', start)
  // All paths are relative: the server may stand behind a prefix.
  const html = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Provender: HTTP API</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="docs/${style.name}">
  </head>
  <body>
    <div id="docs"></div>
    <noscript>This page needs JavaScript. The same as a document: <a href="openapi.json">openapi.json</a></noscript>
    <script src="docs/${bundle.name}"></script>
    <script src="docs/${script.name}"></script>
  </body>
</html>
`
  return { html, files: new Map([style, bundle, script].map((each) => [each.name, each])) }
}

/** Less the name of its source map, which is not there. */
function ofSwaggerUi(name: string): string {
  const path = existsSync(packed)
    ? `${packed}${name}`
    : createRequire(import.meta.url).resolve(`swagger-ui-dist/${name}`)
  return readFileSync(path, 'utf8').replace(/\n\/[/*]# sourceMappingURL=.*\s*$/, '\n')
}

function file(name: string, media: MediaType, text: string): PageFile {
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 12)
  return { name: name.replace(/(\.\w+)$/, `.${hash}$1`), media, text }
}

function version(): string {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as object
  return 'version' in manifest ? String(manifest.version) : ''
}
