import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { isBusy, machineText, tableRows } from '../../bench/harness/report.ts'
import { type Result, readResult } from '../../bench/harness/results.ts'
import type { Scenario } from '../../bench/harness/scenario.ts'
import { root } from '../steps.ts'
import { code, generatedFrom, page, tableOf } from './markdown.ts'

/** What is compared with what. */
const baselines: Readonly<Record<string, string>> = Object.freeze({
  'as-of':
    'Baseline: the same join as one DuckDB statement written by hand, which relies on files without ties. Cold: the first run of a process that has never seen the files.',
  'as-of-postgres':
    'Baselines: the same join as one LATERAL statement written by hand, its spine sent up by binary COPY from memory, its answer brought down by binary COPY and thrown away: once with the whole order, which tells rows of one event and created time apart by their values, as ours does; once relying on there being none; and on a table whose unique index says so. Ours looks a spine up over up to three connections. PostgreSQL is on the same machine; its processor time is that of all its processes.',
  materialize:
    'Baseline: the same latest-row-per-entity query in DuckDB with its result thrown away, plus the same number of compare-and-puts into LMDB, each measured alone.',
  'materialize-production':
    'Baselines, each alone: a `DISTINCT ON` written by hand, its answer brought by binary COPY and thrown away; HSETs of keys and rows of the same lengths, pipelined over one socket, which are in memory before. The rate is compared with the slower one. PostgreSQL and Redis are on the same machine, and share its cores with what is measured.',
  'near-cache': 'Baseline: the same server without a near cache, on the same Redis, which nobody writes to meanwhile.',
  online:
    'Baselines: for one entity a bare `node:http` server that sends a constant body of the same size; for a batch, one that reads the same keys raw from LMDB and sends a constant body of the same size; in process, raw LMDB reads of the same keys.',
  'online-redis':
    'Baselines: for one entity a bare `node:http` server that sends a constant body of the same size; for a batch, the same keys read raw by one process that does nothing else, an HMGET for each in one ioredis pipeline a batch, and the same behind a bare `node:http` server. Its p50 and p99 are those of a busy server: there is a request under way on each connection all the time.',
  push: 'Baseline: appends of the same bytes to one file, each followed by a sync, one after the other. At once: by as many callers as ours, whose syncs the file system groups.',
  start: 'Baseline: `node -e 0`.',
})

/** The page of benchmarks, from the runs that are checked in. */
export async function benchmarksPage(): Promise<string> {
  const names = readdirSync(join(root, 'bench'))
    .filter((name) => /^[a-z-]+\.ts$/.test(name))
    .map((name) => name.slice(0, -'.ts'.length))
    .toSorted()
  const sections: string[] = []
  for (const name of names) {
    const { scenario } = (await import(join(root, 'bench', `${name}.ts`))) as { readonly scenario: Scenario }
    const file = join(root, 'docs/benchmarks', `${name}.json`)
    sections.push(...sectionOf(name, scenario, existsSync(file) ? readResult(file) : undefined))
  }
  return page('# Benchmarks', generatedFrom('docs/benchmarks/*.json'), method, running, ...sections)
}

const method = `Each scenario runs Provender ("ours") and a baseline: the least that any program could do for the same work, written
without anything of Provender (\`bench/baselines/\`). How they are measured:

- Each side is a process of its own. What is measured of it is processor time (user and system), wall clock, and peak memory, by the
  system's own counts.
- Rounds alternate: ours first, then the baseline; then the other way round. The ratio is taken within each round; the table shows
  the median of the rounds, and the least and greatest ratio.
- Processor time and ratios say something on a busy machine, too; wall clock and rates do not. The load of the machine before and
  after stands with each run.
- Both sides are warm unless "cold" is said: files are in the page cache, and code is compiled.
- Disks differ most: a rate of durable pushes says how many syncs the disk takes.

A goal is what the project set itself; a goal that is missed says by how much.`

const running = `A scenario is a file in \`bench/\`. Its run is written as JSON, and compared with the last one of the same size:

\`\`\`sh
npm run bench -- online --quick     # a small size, to see that it works
npm run bench -- online --out docs/benchmarks/online.json
npm run docs                        # writes this page
\`\`\``

function sectionOf(name: string, { figures }: Scenario, result: Result | undefined): string[] {
  const baseline = baselines[name] ?? ''
  if (result === undefined)
    return [
      `## ${name}`,
      baseline,
      `No run is checked in: ${code(`npm run bench -- ${name} --out docs/benchmarks/${name}.json`)}.`,
    ]
  const rounds = Math.max(...result.figures.map(({ ours }) => ours.length))
  return [
    `## ${name}`,
    `${result.about}.`,
    baseline,
    tableOf(['', 'ours', 'baseline', 'ratio (least–greatest)', 'goal'], tableRows(result, figures)),
    `${result.at.slice(0, 10)}, ${machineText(result)}; ${rounds} round${rounds === 1 ? '' : 's'}.${isBusy(result) ? ' The machine was busy: trust processor time and ratios, not wall clock and rates.' : ''}`,
  ]
}
