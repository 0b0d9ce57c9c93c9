import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { program } from './program.ts'
import { giveAway } from './server-process.ts'

const run = promisify(execFile)

/** Certificates made for one test: of an authority, and of a server of the loopback that it has signed. */
export interface Certificates extends AsyncDisposable {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** Makes them, good for a day. `names`: whom that of the server is for. */
export async function makeCertificates(names = 'DNS:localhost,IP:127.0.0.1'): Promise<Certificates> {
  const openssl = await program('openssl')
  const dir = await mkdtemp(join(tmpdir(), 'provender-tls-'))
  const at = (name: string): string => join(dir, name)
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1']
  await run(openssl, [
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
    '-subj',
    '/CN=Test authority',
  ])
  await run(openssl, [
    'req',
    ...newKey,
    '-keyout',
    at('server.key'),
    '-out',
    at('server.csr'),
    '-subj',
    '/CN=localhost',
  ])
  await writeFile(at('names'), `subjectAltName=${names}\n`)
  const signed = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '1', '-extfile', at('names')]
  await run(openssl, ['x509', '-req', '-in', at('server.csr'), ...signed, '-out', at('server.pem')])
  // Some servers are no root, and take no key that others could read.
  for (const each of [dir, ...(await readdir(dir)).map(at)]) giveAway(each)
  return {
    ca: at('ca.pem'),
    cert: at('server.pem'),
    key: at('server.key'),
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  }
}
