import { fingerprintOf } from './packed-row.ts'

/** Keeps schema texts by fingerprint and answers the text kept for each (the first one written), or null where there is none: `OnlineStore.schemas`. */
export type KeepSchemas = (
  entries: readonly { readonly fingerprint: number; readonly text?: string }[],
) => Promise<(string | null)[]>

/** Texts whose fingerprints are remembered: every push asks for one. */
const remembered = 1000
const fingerprints = new Map<string, number>()

function knownFingerprint(text: string): number {
  const known = fingerprints.get(text) ?? fingerprintOf(text)
  if (fingerprints.size >= remembered) fingerprints.clear()
  fingerprints.set(text, known)
  return known
}

/** How many schemas may share a fingerprint: with 32 bits even two are a rarity. */
const collisions = 8

/**
 * Makes sure that the online store knows a schema, which must come before its first row, and answers the fingerprint for its rows: the
 * text's own, or the next one that is free where another schema took it.
 */
export async function registerSchema(text: string, keep: KeepSchemas): Promise<number> {
  let fingerprint = knownFingerprint(text)
  for (let i = 0; i < collisions; i++) {
    const [kept] = await keep([{ fingerprint, text }])
    if (kept === text) return fingerprint
    fingerprint = (fingerprint + 1) >>> 0 || 1
  }
  throw new Error(`Assertion failed: no fingerprint is free for a schema within ${collisions} tries`)
}
