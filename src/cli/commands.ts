import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import type { Session } from './session.ts'

/** A command by its name: what the list of all shows, and how to get it. Its code loads only when it is run. */
export interface CommandEntry {
  readonly name: string
  readonly summary: string
  readonly group: string
  /** Command lines that its help shows. */
  readonly examples: readonly string[]
  /** The members of the document that --json prints; `?`: not always. */
  readonly json: string
  readonly load: () => Promise<(session: Session) => CommandUnknownOpts>
}

/** Every command, in the order of the help. */
export const commands: readonly CommandEntry[] = Object.freeze([
  {
    group: 'Define',
    name: 'init',
    examples: ['provender init my-store', 'provender init my-store --from sales.csv'],
    summary: 'write a feature repository',
    json: '{ dir, files, from? }',
    load: async () => (await import('./init.ts')).initCommand,
  },
  {
    group: 'Define',
    name: 'dev',
    examples: ['provender dev', 'provender dev --port 8080'],
    summary: 'apply, materialize and serve, and again when a file is saved',
    json: '{ url, project }',
    load: async () => (await import('./dev.ts')).devCommand,
  },
  {
    group: 'Define',
    name: 'validate',
    examples: ['provender validate'],
    summary: 'check the definition files',
    json: '{ ok, errors }',
    load: async () => (await import('./validate.ts')).validateCommand,
  },
  {
    group: 'Define',
    name: 'plan',
    examples: ['provender plan', 'provender plan --exit-code    # in CI: 10 changes, 11 breaking changes'],
    summary: 'show what apply would change, and what follows from it',
    json: '{ version, changes }',
    load: async () => (await import('./plan.ts')).planCommand,
  },
  {
    group: 'Define',
    name: 'apply',
    examples: ['provender apply', "provender apply --yes --message 'a day more of history'"],
    summary: 'make the definition files the registry’s next version',
    json: '{ version, changes }',
    load: async () => (await import('./apply.ts')).applyCommand,
  },
  {
    group: 'Use',
    name: 'train',
    examples: [
      'provender train delay_model --spine flights.parquet --out train.parquet',
      'provender train airport_delays --events 2001-03-01..2001-04-01 --out march.csv',
    ],
    summary: 'build a training set, point-in-time correct',
    json: '{ rows, columns, seconds, out, notes, types?, values? }; the last two without --out',
    load: async () => (await import('./train.ts')).trainCommand,
  },
  {
    group: 'Use',
    name: 'get',
    examples: ['provender get airport_delays airport=ORD', 'provender get delay_model --batch entities.jsonl --json'],
    summary: 'read the newest values of an entity',
    json: '{ entity, features, statuses, eventTimes? }; with --batch { features, views, rows, registryVersion }',
    load: async () => (await import('./get.ts')).getCommand,
  },
  {
    group: 'Use',
    name: 'serve',
    examples: ['provender serve --port 8080'],
    summary: 'run the HTTP server',
    json: '{ url, project }',
    load: async () => (await import('./serve.ts')).serveCommand,
  },
  {
    group: 'Write',
    name: 'materialize',
    examples: ['provender materialize', 'provender materialize airport_delays --since 7d'],
    summary: 'compute views and bring them online',
    json: '{ runs }',
    load: async () => (await import('./materialize.ts')).materializeCommand,
  },
  {
    group: 'Write',
    name: 'push',
    examples: ['provender push last_purchase rows.jsonl', 'tail -f rows.jsonl | provender push purchases -'],
    summary: 'write rows to a view or a source',
    json: '{ accepted, superseded, rejected }',
    load: async () => (await import('./push.ts')).pushCommand,
  },
  {
    group: 'Write',
    name: 'delete',
    examples: ['provender delete last_purchase customer=42'],
    summary: 'take an entity out of a view',
    json: '{ deleted }',
    load: async () => (await import('./delete.ts')).deleteCommand,
  },
  {
    group: 'Write',
    name: 'load',
    examples: ['provender load'],
    summary: 'copy file sources into the offline store',
    json: '{ sources }',
    load: async () => (await import('./load.ts')).loadCommand,
  },
  {
    group: 'Write',
    name: 'dead-letters',
    examples: ['provender dead-letters --source purchases', 'provender dead-letters --replay'],
    summary: 'list or replay rows that were refused',
    json: '{ deadLetters, next? }; with --replay { replayed, accepted, rejected }',
    load: async () => (await import('./dead-letters.ts')).deadLettersCommand,
  },
  {
    group: 'Look',
    name: 'ls',
    examples: ['provender ls views'],
    summary: 'list what is defined',
    json: '{ entities?, sources?, views?, on-demand?, services? }: all, or the kind that is asked for',
    load: async () => (await import('./ls.ts')).lsCommand,
  },
  {
    group: 'Look',
    name: 'show',
    examples: ['provender show airport_delays'],
    summary: 'show one definition and what is stored of it',
    json: '{ name, … }, as GET /v1/views/{name} and its like answer',
    load: async () => (await import('./show.ts')).showCommand,
  },
  {
    group: 'Look',
    name: 'history',
    examples: ['provender history --limit 5'],
    summary: 'list the versions of the registry',
    json: '{ versions }',
    load: async () => (await import('./history.ts')).historyCommand,
  },
  {
    group: 'Look',
    name: 'diff',
    examples: ['provender diff 3 4'],
    summary: 'compare two versions of the registry',
    json: '{ from, to, changes }',
    load: async () => (await import('./diff.ts')).diffCommand,
  },
  {
    group: 'Look',
    name: 'rollback',
    examples: ['provender rollback 3'],
    summary: 'make an old version the newest one',
    json: '{ version, changes }',
    load: async () => (await import('./rollback.ts')).rollbackCommand,
  },
  {
    group: 'Look',
    name: 'runs',
    examples: ['provender runs --view airport_delays --state failed'],
    summary: 'list materializations',
    json: '{ runs }',
    load: async () => (await import('./runs.ts')).runsCommand,
  },
  {
    group: 'Look',
    name: 'run',
    examples: ['provender run run_hoh91pn1gwb1897c --cancel'],
    summary: 'show or cancel one materialization',
    json: '{ id, kind, view, state, interval, rows, written, superseded, skipped, startedAt, seconds, notes, progress?, error? }',
    load: async () => (await import('./run.ts')).runCommand,
  },
  {
    group: 'Look',
    name: 'doctor',
    examples: ['provender doctor', 'provender doctor --url http://127.0.0.1:6580'],
    summary: 'look at what commonly goes wrong',
    json: '{ ok, checks }',
    load: async () => (await import('./doctor.ts')).doctorCommand,
  },
  {
    group: 'Look',
    name: 'explain',
    examples: ['provender explain STORE_FULL'],
    summary: 'say what an error code means',
    json: '{ code, title, status, exit, retryable, remedy }',
    load: async () => (await import('./explain.ts')).explainCommand,
  },
  {
    group: 'Look',
    name: 'completion',
    examples: ['source <(provender completion bash)'],
    summary: 'print the script that completes at Tab',
    json: '{ shell, script }',
    load: async () => (await import('./completion.ts')).completionCommand,
  },
])
