import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** A folder of a test, removed with `remove`. */
export interface Folder {
  readonly dir: string
  /** Writes a file, its folders too; answers its absolute path. */
  readonly write: (file: string, text: string) => string
  readonly remove: () => void
}

export function newFolder(): Folder {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'provender-cli-')))
  return {
    dir,
    write: (file, text) => {
      mkdirSync(dirname(join(dir, file)), { recursive: true })
      writeFileSync(join(dir, file), text)
      return join(dir, file)
    },
    remove: () => rmSync(dir, { recursive: true, force: true }),
  }
}

const definitions = `
entities:
  customer: { key: int64 }
  shelf: { keys: { country: string, shelf_no: int32 } }
sources:
  purchases:
    type: push
    timestamp: event_timestamp
    schema: { customer: int64, amount: float64, ratio: float32, items: int64, note: string, tags: list<string>, at: timestamp }
  prices: { type: csv, path: data/prices.csv, timestamp: priced_at, created: loaded_at }
views:
  last_purchase:
    description: What a customer bought last
    entities: [customer]
    source: purchases
    features: { amount: float64, ratio: float32, items: int64, note: string, tags: list<string>, at: timestamp }
  price:
    entities: [shelf]
    source: prices
    ttl: 1d
    features: { price: float64, label: string }
services:
  model: { features: [last_purchase, "price:price"] }
`

const prices = `country,shelf_no,price,label,priced_at,loaded_at
DE,1,1.5,"a, b",2026-01-01T10:00:00Z,2026-01-01T11:00:00Z
DE,1,2.5,"",2026-01-02T10:00:00Z,2026-01-05T00:00:00Z
FR,2,NaN,,2026-01-01T00:00:00Z,2026-01-01T00:00:00Z
`

/** A small repository: a view that is pushed to, and one over a CSV file. */
export function newShop(): Folder {
  const folder = newFolder()
  folder.write('provender.yaml', 'project: shop\n')
  folder.write('features/shop.yaml', definitions)
  folder.write('data/prices.csv', prices)
  return folder
}
