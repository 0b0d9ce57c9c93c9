import type { DoctorCheck, DoctorReport } from '../../contract/store.ts'
import { abandonable } from '../../kernel/abandon.ts'
import { type Call, checkCall } from '../../kernel/call.ts'
import { asProvenderError } from '../../kernel/errors.ts'

/** What a check found. */
export type Finding = Omit<DoctorCheck, 'name'>

/** All is well. */
export const well = (detail: string): Finding => ({ status: 'ok', detail })

/** Worth a look. */
export const worth = (detail: string, remedy: string): Finding => ({ status: 'warn', detail, remedy })

/** Something does not work. */
export const broken = (detail: string, remedy: string): Finding => ({ status: 'fail', detail, remedy })

/** What failed, as a finding. */
export function thrownFinding(thrown: unknown): Finding {
  const { message, remedy } = asProvenderError(thrown)
  return broken(message, remedy)
}

/** No check may keep the others' answers from who asked. */
const checkMs = 10_000

/** Makes one check, which answers whatever it finds and however long it takes. @throws where the call is aborted. */
export async function check(
  name: string,
  look: (call: Call) => Promise<Finding> | Finding,
  call?: Call,
): Promise<DoctorCheck> {
  const byMs = Date.now() + checkMs
  const mine: Call = { ...call, deadlineAtMs: Math.min(byMs, call?.deadlineAtMs ?? byMs) }
  try {
    checkCall(mine)
    return { name, ...(await abandonable((async () => look(mine))(), mine)) }
  } catch (thrown) {
    if (call?.signal?.aborted === true) throw thrown
    return { name, ...thrownFinding(thrown) }
  }
}

/** The report that checks make. */
export const reportOf = (checks: readonly DoctorCheck[]): DoctorReport => ({
  ok: checks.every(({ status }) => status !== 'fail'),
  checks,
})

/** The first few of many, and how many more there are. */
export function few(texts: readonly string[], between = ', '): string {
  const shown = texts.slice(0, shownTexts).join(between)
  return texts.length > shownTexts ? `${shown} and ${texts.length - shownTexts} more` : shown
}

const shownTexts = 5

/** A span in its greatest unit: `12 min`. */
export function roughly(us: bigint): string {
  const seconds = Number(us / 1_000_000n)
  const [unit, size] = units.find(([, each]) => seconds >= each) ?? ['s', 1]
  return `${Math.max(0, Math.floor(seconds / size))} ${unit}`
}

const units = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
] as const

/** A number with the word that it asks for: `1 view`, `2 views`. */
export const counted = (n: number, one: string, many = `${one}s`): string =>
  `${n.toLocaleString('en-US')} ${n === 1 ? one : many}`
