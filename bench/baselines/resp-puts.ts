import { once } from 'node:events'
import { connect } from 'node:net'

/** What is written of each entity: as long as the key of its hash, the field and the packed row of the other side. */
const field = Buffer.from('8 bytes.')
const rowBytes = 117
/** Commands of one write to the socket. */
const atOnce = 2_000
/** Commands sent and not answered, at most. */
const underway = 20_000

/** One HSET an entity, pipelined over one connection, as one would write it by hand. The commands are there before. */
export async function open(input: unknown): Promise<{
  run(): Promise<Record<string, number>>
  close(): Promise<void>
}> {
  const { url, project, entities } = input as {
    readonly url: string
    readonly project: string
    readonly entities: number
  }
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), noDelay: true })
  await once(socket, 'connect')
  const blocks = Array.from({ length: Math.ceil(entities / atOnce) }, (_, i) =>
    blockOf(project, i * atOnce, Math.min(entities, (i + 1) * atOnce)),
  )
  let answered = 0
  let wake: (() => void) | undefined
  socket.on('data', (chunk: Buffer) => {
    // Each is answered `:0` or `:1`, and a line end.
    for (const byte of chunk) if (byte === lineEnd) answered += 1
    wake?.()
  })
  const until = async (count: number): Promise<void> => {
    while (answered < count) await new Promise<void>((resolve) => (wake = resolve))
  }
  return {
    run: async () => {
      const startedMs = performance.now()
      answered = 0
      for (const [i, block] of blocks.entries()) {
        await until((i + 1) * atOnce - underway)
        if (!socket.write(block)) await once(socket, 'drain')
      }
      await until(entities)
      return { entities, seconds: (performance.now() - startedMs) / 1000 }
    },
    close: async () => {
      socket.destroy()
    },
  }
}

const lineEnd = '\n'.charCodeAt(0)

function blockOf(project: string, from: number, to: number): Buffer {
  const parts: Buffer[] = []
  for (let id = from; id < to; id++) {
    const key = Buffer.concat([Buffer.from(`raw:{${project}:`), Buffer.alloc(8), Buffer.from('}')])
    key.writeBigInt64BE(BigInt(id), key.length - 9)
    const row = Buffer.alloc(rowBytes, id)
    for (const part of [
      '*4\r\n$4\r\nHSET\r\n',
      ...[key, field, row].flatMap((each) => [`$${each.length}\r\n`, each, '\r\n']),
    ])
      parts.push(typeof part === 'string' ? Buffer.from(part) : part)
  }
  return Buffer.concat(parts)
}
