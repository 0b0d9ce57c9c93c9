import { firstDay } from '../data/feature-file.ts'
import { openTableStore } from '../data/table-store.ts'

/** Materializes a view over a table of PostgreSQL into Redis, for the first time. (Metadata lie in the folder, so that each process begins anew.) */
export async function open(input: unknown): Promise<{
  run(): Promise<Record<string, number>>
  close(): Promise<void>
}> {
  const { postgres, redis, project } = input as {
    readonly postgres: string
    readonly redis: string
    readonly project: string
  }
  const places = `project: ${project}\noffline: ${postgres}\nonline: ${redis}`
  const { store, close } = await openTableStore(places, 'things_now')
  return {
    run: async () => {
      const startedMs = performance.now()
      const [run] = await store.materialize('things_now', { start: new Date(firstDay) })
      if (run?.state !== 'succeeded' || run.written !== run.rows)
        throw new Error(`Every row of a fresh reading is written, but: ${JSON.stringify(run)}`)
      return { entities: run.written, seconds: (performance.now() - startedMs) / 1000 }
    },
    close,
  }
}
