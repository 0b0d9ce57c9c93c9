import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Bench, openBench, problemOf } from './bench.ts'

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(async () => bench[Symbol.asyncDispose]())

/** The files that the page names, as the page names them. */
async function namedFiles(): Promise<readonly string[]> {
  const { text } = await bench.ask('GET', '/docs')
  return [...text.matchAll(/(?:src|href)="(docs\/[^"]*)"/g)].map((match) => match[1] ?? '')
}

describe('the page of the API', () => {
  test('is allowed nothing from elsewhere, and no script or style of its own', async () => {
    const { status, headers, text } = await bench.ask('GET', '/docs')
    expect([status, headers['content-type'], headers['cache-control']]).toEqual([
      200,
      'text/html; charset=utf-8',
      'no-cache',
    ])
    const policy = new Map(
      String(headers['content-security-policy'])
        .split('; ')
        .map((each) => [each.split(' ')[0], each.split(' ').slice(1).join(' ')]),
    )
    expect(policy.get('default-src')).toBe("'none'")
    for (const [directive, sources] of policy)
      expect([`'none'`, `'self'`, ...(directive === 'img-src' ? [`'self' data:`] : [])]).toContain(sources)
    for (const directive of ['script-src', 'style-src', 'connect-src', 'frame-ancestors', 'base-uri', 'form-action'])
      expect(policy.has(directive)).toBe(true)
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' })
    expect(text).not.toMatch(/<script>|<style|\son\w+=|style=/)
  })

  test('names only paths of its own, and each of them is there', async () => {
    const { text } = await bench.ask('GET', '/docs')
    const named = [...text.matchAll(/(?:src|href|url|action)\s*=\s*"([^"]*)"/g)].map((match) => match[1] ?? '')
    const files = await namedFiles()
    expect(named.sort()).toEqual(['data:,', 'openapi.json', ...files].sort())
    expect(text).not.toMatch(/https?:|\/\//)
    expect(files).toHaveLength(3)
    for (const file of files) expect((await bench.ask('GET', `/${file}`)).status).toBe(200)
  })

  test('has files that a browser may keep, with their types', async () => {
    for (const file of await namedFiles()) {
      const { headers, text } = await bench.ask('GET', `/${file}`)
      const type = file.endsWith('.css') ? 'text/css' : 'text/javascript'
      expect(headers).toMatchObject({
        'content-type': `${type}; charset=utf-8`,
        'cache-control': 'public, max-age=31536000, immutable',
        'x-content-type-options': 'nosniff',
      })
      // A source map would be asked for, and is not there.
      expect(text).not.toContain('sourceMappingURL')
    }
  })

  test('has a style whose pictures are data, and a script that asks this server alone', async () => {
    for (const file of await namedFiles()) {
      const { text } = await bench.ask('GET', `/${file}`)
      if (file.endsWith('.css')) {
        const urls = [...text.matchAll(/url\(\s*['"]?([^'")]*)/g)].map((match) => match[1] ?? '')
        expect(urls.filter((url) => !url.startsWith('data:'))).toEqual([])
        expect(text).not.toContain('@import')
      }
      if (file.includes('start')) {
        expect(text).toContain("url: 'openapi.json'")
        expect(text).toContain('validatorUrl: null')
        expect(text).not.toMatch(/https?:/)
      }
    }
  })

  test('has no other files', async () => {
    for (const file of ['index.html', 'swagger-ui.css', '..%2Fpackage.json', '__proto__'])
      expect(problemOf(await bench.ask('GET', `/docs/${file}`)).status).toBe(404)
  })
})
