import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { newShop } from '../cli/shop.ts'
import { json, start, documentOf } from '../support/command-line.ts'

/** A view whose materialization nobody lives to see. */
const endless = `
sources:
  slow:
    type: sql
    timestamp: priced_at
    sql: >-
      SELECT a.country, a.shelf_no::INTEGER AS shelf_no, max(a.price::DOUBLE + sin(x.n * y.n)) AS price,
        max(a.priced_at::TIMESTAMP) AS priced_at
      FROM prices a, (SELECT unnest(range(300000)) AS n) x, (SELECT unnest(range(300000)) AS n) y GROUP BY 1, 2
views:
  slow_price: { entities: [shelf], source: slow, features: { price: float64 } }
`

test.each([
  ['one process', []],
  ['two workers', ['--workers', '2']],
])(
  'a materialization that does not end does not keep %s from ending, and is taken over',
  { timeout: 180_000 },
  async (_, words) => {
    const shop = newShop()
    shop.write('features/slow.yaml', endless)
    await json(shop.dir, ['apply', '--yes'])
    const server = start(shop.dir, ['serve', '--port', '0', '--json', ...words])
    const [chunk] = (await once(server.child.stdout ?? server.child, 'data')) as [Buffer]
    const { url } = documentOf(chunk.toString()) as { url: string }
    const begun = await fetch(`${url}/v1/materialize`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"views":["slow_price"]}',
    })
    const { runs } = (await begun.json()) as { runs: [{ id: string }] }
    const state = async (): Promise<string> =>
      ((await (await fetch(`${url}/v1/runs/${runs[0].id}`)).json()) as { state: string }).state
    await expect.poll(state, { timeout: 20_000 }).toBe('running')
    await setTimeout(2000)
    const startedMs = performance.now()
    server.child.kill('SIGTERM')
    const { exit, stderr } = await server.ended
    // Ended by itself, or by the hard exit, which says so.
    expect(performance.now() - startedMs).toBeLessThan(40_000)
    if (exit !== 0) expect([exit, stderr]).toEqual([1, expect.stringContaining('taken over') as string])
    // Whoever comes next is kept by nobody.
    const other = (await json(shop.dir, ['materialize', 'price'])) as { runs: [{ state: string }] }
    expect(other.runs[0].state).toBe('succeeded')
    const left = (await json(shop.dir, ['run', runs[0].id])) as { state: string }
    const again = start(shop.dir, ['materialize', 'slow_price', '--json'])
    await expect
      .poll(
        async () =>
          ((await json(shop.dir, ['runs'])) as { runs: { view: string; state: string }[] }).runs.filter(
            ({ view, state: its }) => view === 'slow_price' && its === 'running',
          ).length,
        { timeout: 60_000, interval: 1000 },
      )
      .toBe(1)
    expect(['failed', 'cancelled', 'running']).toContain(left.state)
    again.child.kill('SIGKILL')
    await again.ended
    shop.remove()
  },
)
