import { fencesOf } from './fences.ts'
import { PageSession, type Surroundings } from './page-session.ts'
import { stepsOf } from './page-steps.ts'

/** The services that a page needs: the words of a comment `<!-- needs: postgres redis -->`. */
export const servicesOf = (markdown: string): string[] =>
  (/^<!-- needs: (.*) -->$/m.exec(markdown)?.[1] ?? '').split(' ').filter((word) => word !== '')

/** Does everything that a page asks its reader to do, in a folder of its own; answers what is not as the page says. */
export async function faultsOf(markdown: string, surroundings: Surroundings = {}): Promise<string[]> {
  const { steps, unrun } = stepsOf(fencesOf(markdown))
  if (unrun.length > 0) return unrun.map(({ line, language }) => `line ${line}: nothing runs this block (${language})`)
  await using session = await PageSession.open(surroundings)
  for (const step of steps) {
    const { line, prose, text } = step.fence
    // The path stands in the info string, which readers do not see.
    if (step.kind === 'file' && !prose.includes(`\`${step.path}\``) && !text.startsWith(`# ${step.path}\n`))
      return [`line ${line}: neither the text before nor the first line names ${step.path}`]
    const fault = await session.follow(step)
    // What comes after builds on it.
    if (fault !== undefined) return [`line ${line}: ${fault}`]
  }
  const types = await session.typeFaults()
  return types === undefined ? [] : [types]
}
