import { openStore, startServer } from 'provender'

/** What answers behind `provender serve --role api`, on a free port: what the other role does goes on beside it. */
export async function open(input: unknown): Promise<{ info: { url: string }; close(): Promise<void> }> {
  const { dir } = input as { readonly dir: string }
  const store = await openStore(dir)
  const server = await startServer(store, dir, { port: 0, roles: ['api'] })
  return {
    info: { url: server.url },
    close: async () => {
      await server.close()
      await store[Symbol.asyncDispose]()
    },
  }
}
