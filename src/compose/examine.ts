import type { CallOptions, DoctorCheck, DoctorReport } from '../contract/store.ts'
import { loadConfig } from '../definitions/load-files.ts'
import { callOf } from './arguments.ts'
import { reportOf, thrownFinding } from './doctor/finding.ts'
import { machineChecks } from './doctor/machine.ts'
import { openStore } from './open-store.ts'

/**
 * What `Store.doctor` finds, of a repository folder whose store may not even open: then that is what is found.
 * @param dir the folder that holds provender.yaml
 * @throws INTERRUPTED, when the call is aborted.
 */
export async function examine(dir: string, options: CallOptions = {}): Promise<DoctorReport> {
  const without = async (name: string, thrown: unknown): Promise<DoctorReport> => {
    if (options.signal?.aborted === true) throw thrown
    const checks: DoctorCheck[] = await Promise.all(machineChecks(dir, callOf(options)))
    return reportOf([...checks, { name, ...thrownFinding(thrown) }])
  }
  try {
    loadConfig(dir)
  } catch (thrown) {
    return without('config', thrown)
  }
  try {
    await using store = await openStore(dir)
    return await store.doctor(options)
  } catch (thrown) {
    return without('stores', thrown)
  }
}
