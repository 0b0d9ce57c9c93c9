import { once } from 'node:events'
import { createServer } from 'node:net'

/** Whether a server could listen there: better known before the work than after it. */
export async function isPortFree(host: string, port: number): Promise<boolean> {
  const server = createServer()
  server.listen(port, host)
  try {
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}
