import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Files that take longest: one that came last would be alone on the machine. */
const longest = [
  'docs/snippets',
  'cli/url',
  'server/workers',
  'engines/postgres-redis-store',
  'client/remote-store',
  'crash/materialize',
  'reliability/full-disk',
  'production/postgres-reads',
  'engines/postgres-offline',
  'engines/embedded-store',
  'simulation/embedded',
  'production/many-servers',
  'production/leases',
  'engines/postgres-across-engines',
]

const rankOf = ({ moduleId }: TestSpecification): number => {
  const at = longest.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`))
  return at < 0 ? longest.length : at
}

const nameOf = ({ moduleId }: TestSpecification): string => moduleId.slice(moduleId.lastIndexOf('/') + 1)

/** Runs what takes longest first, and the rest by the names of the files, so that those that wait for servers run beside those that compute. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.toSorted((a, b) => rankOf(a) - rankOf(b) || (nameOf(a) < nameOf(b) ? -1 : 1))
  }
}
