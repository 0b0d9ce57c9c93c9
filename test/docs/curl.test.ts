import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

test('sends what pages send', async () => {
  const server = createServer((request, response) => {
    void text(request).then((body) =>
      response.end(`${request.method} ${request.url} ${String(request.headers['x-a'])} ${body}\n`),
    )
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  const curl = async (...args: string[]): Promise<string> => {
    const child = spawn(process.execPath, [fileURLToPath(new URL('./curl.ts', import.meta.url)), ...args])
    return text(child.stdout)
  }
  try {
    expect(await curl('-s', `${url}/a?b=1`)).toBe('GET /a?b=1 undefined \n')
    expect(await curl('-s', url, '-H', 'x-a: b:c', '-d', '{"d": 1}')).toBe('POST / b:c {"d": 1}\n')
    const own = fileURLToPath(import.meta.url)
    expect(await curl('-s', url, '--data-binary', `@${own}`)).toBe(`POST / undefined ${readFileSync(own, 'utf8')}\n`)
    expect(await curl('-s', '-X', 'DELETE', url)).toBe('DELETE / undefined \n')
  } finally {
    server.close()
  }
})
