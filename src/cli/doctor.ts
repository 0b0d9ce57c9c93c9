import type { DoctorCheck, DoctorReport } from '../contract/store.ts'
import { newCommand } from './command.ts'
import { counted } from './number-text.ts'
import type { Session } from './session.ts'
import { tableText } from './table.ts'
import type { Stream } from './terminal.ts'
import { wrapped } from './wrapped.ts'

/** `doctor`: what commonly goes wrong, each looked at, with what to do about it. */
export function doctorCommand(session: Session) {
  return newCommand('doctor')
    .description(
      'Look at what commonly goes wrong: this machine, the stores, the files, the views. Exit code 1 if a check fails.',
    )
    .action(async () => {
      const report = await reportOf(session)
      if (!report.ok) session.exitCode = 1
      await session.print({ json: report, text: () => reportText(report, session.terminal.out), next: nextOf(report) })
    })
}

/** Of a server, or of this folder: there the store may not even open. */
async function reportOf(session: Session): Promise<DoctorReport> {
  if (session.isRemote) return (await session.store()).doctor(session.call)
  const { examine } = await import('../compose/examine.ts')
  return examine(await session.dir(), session.call)
}

function nextOf({ checks }: DoctorReport): string | undefined {
  const wrong = ['fail', 'warn'].flatMap((status) => checks.filter((check) => check.status === status))
  if (wrong.length === 0) return 'provender ls'
  const commands = wrong.flatMap(({ remedy = '' }) => /provender [a-z][^.;]*?(?= {2}|[.;]|$)/.exec(remedy)?.[0] ?? [])
  return commands[0]
}

const signs = Object.freeze({ ok: '✓', warn: '!', fail: 'x' } as const)

function reportText({ checks }: DoctorReport, stream: Stream): string | Promise<string> {
  if (!stream.isTerminal)
    return tableText(
      {
        columns: ['check', 'status', 'detail', 'remedy'].map((name) => ({ name })),
        rows: checks.map(({ name, status, detail, remedy }) => [name, status, detail, remedy ?? null]),
      },
      stream,
    )
  const { green, yellow, red, bold } = stream.colours
  const width = Math.max(...checks.map(({ name }) => name.length))
  const paint = { ok: green, warn: yellow, fail: red }
  const indent = ' '.repeat(width + 4)
  const lines = checks.flatMap(({ name, status, detail, remedy }) => {
    const told = wrapped(detail, stream.width - indent.length)
    return [
      `${paint[status](signs[status])} ${name.padEnd(width)}  ${told.join(`\n${indent}`)}`,
      ...(remedy === undefined || status === 'ok'
        ? []
        : wrapped(`→ ${remedy}`, stream.width - indent.length).map((line) => indent + stream.colours.cyan(line))),
    ]
  })
  const number = (status: DoctorCheck['status']): number => checks.filter((each) => each.status === status).length
  const [warnings, failures] = [number('warn'), number('fail')]
  const sum =
    failures + warnings === 0
      ? green(`All ${checks.length} checks are well.`)
      : `${counted(checks.length, 'check')}: ${counted(failures, 'failure')}, ${counted(warnings, 'warning')}`
  return `${lines.join('\n')}\n${bold(sum)}\n`
}
