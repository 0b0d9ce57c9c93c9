/** The configuration of a new repository, with what else may stand in it. */
export const configText = `# yaml-language-server: $schema=provender.schema.json
# A feature repository. Relative paths are relative to this folder; \${NAME:-default} takes an environment variable.
project: features

# Where things are kept. These are the defaults: embedded engines in .provender/, which belongs into .gitignore.
# metadata: .provender/metadata.db
# offline: .provender/offline
# online: .provender/online
# server: { host: 127.0.0.1, port: 6580 }
`

const features = `# yaml-language-server: $schema=../provender.schema.json
# What you know about customers. Every file of features/ counts; names are a-z, 0-9 and _.

entities:
  customer: { key: int64 }              # the thing that features describe, with the type of its join key

sources:
  purchases:                            # rows that your application sends: provender push purchases FILE
    type: push
    schema: { customer: int64, amount: float64, items: int32 }
    timestamp: bought_at                # when it was true
  # Or rows of a file, read where it lies:
  # orders: { type: parquet, path: data/orders.parquet, timestamp: ordered_at }

views:
  last_purchase:
    description: What a customer bought last
    entities: [customer]
    source: purchases
    ttl: 30d                            # older values are withheld; leave it out for no limit
    features:
      amount: float64
      items: int32

services:
  recommender: { features: [last_purchase] }   # the features that one model reads
`

/** The files of the empty template, by their path: a small repository that is valid as it is. */
export function emptyTemplate(): Map<string, { readonly text: string }> {
  return new Map([
    ['provender.yaml', { text: configText }],
    ['features/customers.yaml', { text: features }],
  ])
}
