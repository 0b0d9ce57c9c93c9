import { randomUUID } from 'node:crypto'
import type { Transaction } from 'kysely'
import type { Call } from '../kernel/call.ts'
import type { Owner } from '../ports/leases.ts'
import type { Database } from './database.ts'
import { documentsOf } from './document.ts'
import { integerOf, textOf } from './rows.ts'
import type { Tables } from './tables.ts'

/** A lease as its holder knows it. */
interface Held {
  readonly name: string
  readonly token: string
}

interface Wanted {
  readonly name: string
  readonly owner: string
  readonly forMs: number
  readonly dead: (owner: Owner) => boolean
}

/** Whether the holder is dead is asked outside of the transaction: it may look at the system. It is void if the lease has moved since. */
export async function acquire(
  database: Database,
  wanted: Wanted,
  call: Call | undefined,
): Promise<{ token: string } | { heldBy: Owner; untilMs: number }> {
  for (;;) {
    const seen = await database.read(call, (tx) => leaseOf(tx, wanted.name))
    if (seen !== undefined && seen.untilMs > Date.now()) {
      const heldBy = documentsOf(database.name).owner(seen.owner, `lease ${wanted.name}`)
      if (!wanted.dead(heldBy)) return { heldBy, untilMs: seen.untilMs }
    }
    const token = randomUUID()
    const taken = await database.write(call, async (tx) => {
      const now = await leaseOf(tx, wanted.name)
      if (now?.token !== seen?.token || now?.untilMs !== seen?.untilMs) return false
      const lease = { name: wanted.name, token, owner: wanted.owner, until_ms: Date.now() + wanted.forMs }
      await tx
        .insertInto('lease')
        .values(lease)
        .onConflict((conflict) => conflict.column('name').doUpdateSet(lease))
        .execute()
      return true
    })
    if (taken) return { token }
  }
}

async function leaseOf(
  tx: Transaction<Tables>,
  name: string,
): Promise<{ token: string; owner: string; untilMs: number } | undefined> {
  const row = await tx
    .selectFrom('lease')
    .select(['token', 'owner', 'until_ms'])
    .where('name', '=', name)
    .executeTakeFirst()
  return row === undefined
    ? undefined
    : {
        token: textOf(row.token, 'token of a lease'),
        owner: textOf(row.owner, 'owner of a lease'),
        untilMs: integerOf(row.until_ms, 'end of a lease'),
      }
}

/** A lease that ended but that nobody took is still its holder's: nobody else can have written under it. */
export async function holds(tx: Transaction<Tables>, { name, token }: Held): Promise<boolean> {
  return (await leaseOf(tx, name))?.token === token
}

/** Moves the end of a lease (`forMs` > 0) or ends it; answers whether it was still its holder's. */
export async function renew(tx: Transaction<Tables>, { name, token }: Held, forMs: number): Promise<boolean> {
  if (!(await holds(tx, { name, token }))) return false
  if (forMs > 0)
    await tx
      .updateTable('lease')
      .set({ until_ms: Date.now() + forMs })
      .where('name', '=', name)
      .execute()
  else await tx.deleteFrom('lease').where('name', '=', name).execute()
  return true
}
