import type { ErrorRow } from '../src/kernel/errors.ts'

/** The reference page of all error codes, in the order of the table, one section each, as Markdown. */
export function renderErrorPage(table: Readonly<Record<string, ErrorRow>>): string {
  const sections = Object.entries(table).map(([code, row]) => sectionOf(code, row))
  return `# Error codes

<!-- Generated from src/kernel/error-table.ts by \`npm run docs\`; change the table, not this page. -->

Every error has one of these codes: in the \`code\` of a problem document over HTTP, in \`--json\` on the command line, and
in \`error.code\` in TypeScript. \`provender explain CODE\` shows a section of this page.

${sections.join('\n')}`
}

function sectionOf(code: string, { title, remedy, status, exit, retryable }: ErrorRow): string {
  const retry = retryable ? 'The same call may succeed later.' : 'The same call fails again until something is changed.'
  return `## ${code}

${title}. HTTP status ${status}, exit code ${exit}. ${retry}

What to do: ${remedy}
`
}
