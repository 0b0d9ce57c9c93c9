import { once } from 'node:events'
import { type Socket, connect, createServer } from 'node:net'

/** A way to a server that can be made bad. */
export interface CuttingProxy extends AsyncDisposable {
  readonly port: number
  /** How many connections were made through it. */
  readonly connections: number
  /** What clients did, one after the other: which connection began to speak, with which first bytes, and which was closed. */
  readonly heard: readonly (readonly [connection: number, what: Buffer | 'closed'])[]
  /** Cuts each connection that there is in the middle of its next answer, after so many bytes of it. */
  cutAfter(bytes: number): void
  /** How many connections were cut so. */
  readonly cuts: number
  /** Swallows all that is said, both ways, on the connections that there are, or on the one that was made so manieth: their ends stay open. */
  swallow(only?: number): void
}

/** Starts one to a port of this machine. */
export async function startCuttingProxy(to: number): Promise<CuttingProxy> {
  const open = new Set<{ left: number; dead: boolean; readonly made: number; readonly ends: readonly Socket[] }>()
  let [cuts, connections] = [0, 0]
  const heard: [number, Buffer | 'closed'][] = []
  const server = createServer((near) => {
    const far = connect(to, '127.0.0.1')
    const way = { left: Number.POSITIVE_INFINITY, dead: false, made: connections, ends: [near, far] }
    open.add(way)
    connections += 1
    const close = (): void => {
      open.delete(way)
      for (const end of way.ends) end.destroy()
    }
    near
      .once('data', (said: Buffer) => heard.push([way.made, said]))
      .once('close', () => heard.push([way.made, 'closed']))
    near.on('data', (said) => {
      if (!way.dead) far.write(said)
    })
    far.on('data', (said) => {
      if (way.dead) return
      if (said.length < way.left) {
        way.left -= said.length
        near.write(said)
        return
      }
      cuts += 1
      way.dead = true
      near.write(said.subarray(0, way.left), close)
    })
    for (const end of way.ends) end.on('error', close).on('close', close)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    get connections() {
      return connections
    },
    heard,
    get cuts() {
      return cuts
    },
    cutAfter(bytes) {
      for (const way of open) way.left = bytes
    },
    swallow(only) {
      for (const way of open) if (only === undefined || way.made === only) way.dead = true
    },
    async [Symbol.asyncDispose]() {
      for (const { ends } of open) for (const end of ends) end.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
