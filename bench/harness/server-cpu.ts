import { readFileSync, readdirSync } from 'node:fs'
import { Redis } from 'ioredis'
import pg from 'pg'

const ticksPerSecond = 100

/** What a process, and those it has waited for, have used. */
interface Used {
  readonly parent: number
  readonly own: number
  readonly ofEnded: number
}

/** The processor time that a PostgreSQL on this machine has used, with all its processes that were and are; NaN where nobody can tell. */
export async function postgresCpuSeconds(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
    const first = usedBy(rows[0]?.pid ?? 0)?.parent ?? 0
    const server = usedBy(first)
    if (server === undefined) return Number.NaN
    const children = readdirSync('/proc').flatMap((name) => usedBy(Number(name)) ?? [])
    const alive = children.filter(({ parent }) => parent === first).reduce((sum, { own }) => sum + own, 0)
    return (server.own + server.ofEnded + alive) / ticksPerSecond
  } finally {
    await client.end()
  }
}

function usedBy(pid: number): Used | undefined {
  if (!Number.isInteger(pid) || pid < 2) return undefined
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name of the program may hold anything, but no closing parenthesis comes after it.
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number)
    const at = (field: number): number => fields[field - 3] ?? 0
    return { parent: at(4), own: at(14) + at(15), ofEnded: at(16) + at(17) }
  } catch {
    return undefined
  }
}

/** The processor time that a Redis has used, as it says. */
export async function redisCpuSeconds(url: string): Promise<number> {
  const redis = new Redis(url)
  try {
    const said = await redis.info('cpu')
    const used = (name: string): number => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(said)?.[1])
    return used('used_cpu_user') + used('used_cpu_sys')
  } finally {
    redis.disconnect()
  }
}
