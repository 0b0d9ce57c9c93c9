import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rm, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { quote } from './dialect.ts'

/** How much of the machine an instance may take. */
export interface InstanceLimits {
  readonly threads: number
  readonly memoryBytes: number
}

/** A DuckDB of its own in memory, and the folder to which it spills. */
export interface Instance {
  readonly db: DuckDBInstance
  readonly spillDir: string
}

/** Of the room that a disk has left, what an instance may spill: the other stores on the disk need the rest. */
const spillShare = 0.5

/**
 * Opens a DuckDB in memory: nothing is downloaded, nothing is shared with other processes (a database file would shut them
 * out, readers too), and what does not fit in memory spills to a folder of its own.
 */
export async function openInstance(tempDir: string, limits: InstanceLimits): Promise<Instance> {
  // DuckDB makes it when it first spills: where the disk is full, what fits in memory is still answered.
  const spillDir = join(tempDir, `${process.pid}-${randomUUID()}`)
  const db = await DuckDBInstance.create(':memory:', {
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
    temp_directory: spillDir,
    memory_limit: `${Math.floor(limits.memoryBytes / 1_000_000)}MB`,
    threads: String(limits.threads),
    preserve_insertion_order: 'true',
    // As of 1.5.6 it turns row_number() = 1 into an aggregate that, where the first row it meets is null, answers another one.
    disabled_optimizers: 'top_n_window_elimination',
  })
  const connection = await db.connect()
  try {
    await connection.run(`SET GLOBAL TimeZone = 'UTC'`)
  } finally {
    connection.closeSync()
  }
  return { db, spillDir }
}

/**
 * Lets an instance spill to a share of what its disk has left now. By itself DuckDB looks once, when it first spills: an
 * instance that met a full disk would not spill for the rest of its life.
 */
export async function allowSpill({ spillDir }: Instance, connection: DuckDBConnection): Promise<void> {
  const disk = await statfs(dirname(spillDir)).catch(() => undefined)
  if (disk === undefined) return
  const bytes = Math.floor(disk.bavail * disk.bsize * spillShare)
  // Refused where more is spilled already: then the limit stays as it is.
  await connection.run(`SET GLOBAL max_temp_directory_size = '${bytes}B'`).catch(() => undefined)
}

/** Takes everything from an instance but reading these files and what lies in these folders; for good. */
export async function lockInstance(
  { db }: Instance,
  files: readonly string[],
  folders: readonly string[],
): Promise<void> {
  const connection = await db.connect()
  try {
    await connection.run(`SET GLOBAL allowed_paths = [${files.map(quote).join(', ')}]`)
    await connection.run(`SET GLOBAL allowed_directories = [${folders.map(quote).join(', ')}]`)
    await connection.run('SET GLOBAL enable_external_access = false')
    await connection.run('SET GLOBAL lock_configuration = true')
  } finally {
    connection.closeSync()
  }
}

/** Closes an instance and frees what it spilled. */
export async function closeInstance(instance: Instance): Promise<void> {
  instance.db.closeSync()
  await rm(instance.spillDir, { recursive: true, force: true })
}

/** Removes what killed processes have spilled. Folders begin with the process's id. */
export async function sweepSpills(tempDir: string): Promise<void> {
  await mkdir(tempDir, { recursive: true })
  for (const name of await readdir(tempDir)) {
    const pid = /^(\d+)-[0-9a-f-]{36}$/.exec(name)?.[1]
    if (pid !== undefined && !isAlive(Number(pid))) await rm(join(tempDir, name), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown && thrown.code === 'EPERM'
  }
}
