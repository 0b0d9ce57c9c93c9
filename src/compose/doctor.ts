import type { DoctorCheck, DoctorReport } from '../contract/store.ts'
import type { Call } from '../kernel/call.ts'
import { asProvenderError } from '../kernel/errors.ts'
import type { Parts } from './parts.ts'

/** Looks at what commonly goes wrong; each check answers, whatever it finds. */
export async function doctor(parts: Parts, call?: Call): Promise<DoctorReport> {
  const checks = await Promise.all([
    answers('metadata', parts.registry.versions(1, call)),
    answers('offline', parts.log.head(call)),
    answers('online', parts.marks.readMarks([{ view: 'health', generation: 0n }], call)),
  ])
  return { ok: checks.every(({ status }) => status !== 'fail'), checks }
}

/** Whether a store answers, and how soon. */
async function answers(name: string, asked: Promise<unknown>): Promise<DoctorCheck> {
  const startedAt = performance.now()
  try {
    await asked
    return { name, status: 'ok', detail: `answers in ${(performance.now() - startedAt).toFixed(1)} ms` }
  } catch (thrown) {
    const { message, remedy } = asProvenderError(thrown)
    return { name, status: 'fail', detail: message, remedy }
  }
}
