// A process that applies until it is killed: node applier.ts DIR NOW. It waits for a line that says where it is slow, then
// says `applying N` before it tries to make version N, what that has come to, and `applied N` after it was told that it did.
import { once } from 'node:events'
import type { WireDefinitions } from '../../src/define/definition.ts'
import { isProvenderError } from '../../src/kernel/errors.ts'
import { type Variant, definitionsOf, openRepository, sayLine } from './repository.ts'

const variants: readonly (Variant | null)[] = [
  { wide: false, swapped: false },
  { wide: true, swapped: false },
  { wide: true, swapped: true },
  // The view is removed.
  null,
  { wide: false, swapped: true },
]

/** What a version has of the view; null where it has none. */
export const variantOf = (version: number): Variant | null => variants[version % variants.length] ?? null

/** The definitions of a version: its number tells them, so that each version in the registry can be checked. */
export function definitionsOfVersion(version: number): WireDefinitions {
  const variant = variantOf(version)
  const { views, ...rest } = definitionsOf(variant ?? { wide: false, swapped: false })
  const { latest, ...others } = views
  return {
    ...rest,
    views: {
      ...others,
      ...(variant === null ? {} : { latest: { ...(latest as object), description: `Version ${version}` } }),
    },
  }
}

async function main(dir: string, now: bigint): Promise<void> {
  let slow: { at: string; ms: number } | undefined
  const say = (line: string): void => sayLine(line, slow)
  await using opened = await openRepository(dir, now, { say })
  const [orders] = (await once(process.stdin, 'data')) as [Buffer]
  slow = JSON.parse(orders.toString()) as { at: string; ms: number }
  for (;;) {
    const [head] = await opened.store.versions({ limit: 1 })
    const parentVersion = head?.version ?? 0
    const version = parentVersion + 1
    opened.clock.set(opened.clock.now() + 1n)
    say(`applying ${version}`)
    try {
      await opened.store.apply(definitionsOfVersion(version), { parentVersion, allowBreaking: true })
      say(`applied ${version}`)
    } catch (thrown) {
      if (!isProvenderError(thrown) || thrown.code !== 'REGISTRY_CONFLICT') throw thrown
      say(`lost ${version}`)
    }
  }
}

if (import.meta.main) await main(process.argv[2] ?? '', BigInt(process.argv[3] ?? '0'))
