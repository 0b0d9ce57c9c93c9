// What pages use of curl, where a machine has none: `curl [-s] [-X METHOD] [-H 'name: value'] [-d BODY | --data-binary @FILE] URL`.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    silent: { type: 'boolean', short: 's' },
    request: { type: 'string', short: 'X' },
    header: { type: 'string', short: 'H', multiple: true },
    data: { type: 'string', short: 'd' },
    'data-binary': { type: 'string' },
  },
})
const file = values['data-binary']?.replace(/^@/, '')
const { data = file === undefined ? null : readFileSync(file, 'utf8') } = values
const { request = data === null ? 'GET' : 'POST', header = [] } = values
const headers = header.map((line): [string, string] => {
  const colon = line.indexOf(':')
  return [line.slice(0, colon), line.slice(colon + 1).trim()]
})
for (const url of positionals) {
  const answer = await fetch(url, { method: request, headers, body: data })
  process.stdout.write(await answer.text())
}
