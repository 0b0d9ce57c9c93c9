import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import type { Session } from './session.ts'

/** A command by its name: what the list of all shows, and how to get it. Its code loads only when it is run. */
export interface CommandEntry {
  readonly name: string
  readonly summary: string
  readonly group: string
  readonly load: () => Promise<(session: Session) => CommandUnknownOpts>
}

/** Every command, in the order of the help. */
export const commands: readonly CommandEntry[] = Object.freeze([
  {
    group: 'Define',
    name: 'init',
    summary: 'write a feature repository',
    load: async () => (await import('./init.ts')).initCommand,
  },
  {
    group: 'Define',
    name: 'dev',
    summary: 'apply, materialize and serve, and again when a file is saved',
    load: async () => (await import('./dev.ts')).devCommand,
  },
  {
    group: 'Define',
    name: 'validate',
    summary: 'check the definition files',
    load: async () => (await import('./validate.ts')).validateCommand,
  },
  {
    group: 'Define',
    name: 'plan',
    summary: 'show what apply would change, and what follows from it',
    load: async () => (await import('./plan.ts')).planCommand,
  },
  {
    group: 'Define',
    name: 'apply',
    summary: 'make the definition files the registry’s next version',
    load: async () => (await import('./apply.ts')).applyCommand,
  },
  {
    group: 'Use',
    name: 'train',
    summary: 'build a training set, point-in-time correct',
    load: async () => (await import('./train.ts')).trainCommand,
  },
  {
    group: 'Use',
    name: 'get',
    summary: 'read the newest values of an entity',
    load: async () => (await import('./get.ts')).getCommand,
  },
  {
    group: 'Use',
    name: 'serve',
    summary: 'run the HTTP server',
    load: async () => (await import('./serve.ts')).serveCommand,
  },
  {
    group: 'Write',
    name: 'materialize',
    summary: 'compute views and bring them online',
    load: async () => (await import('./materialize.ts')).materializeCommand,
  },
  {
    group: 'Write',
    name: 'push',
    summary: 'write rows to a view or a source',
    load: async () => (await import('./push.ts')).pushCommand,
  },
  {
    group: 'Write',
    name: 'delete',
    summary: 'take an entity out of a view',
    load: async () => (await import('./delete.ts')).deleteCommand,
  },
  {
    group: 'Write',
    name: 'load',
    summary: 'copy file sources into the offline store',
    load: async () => (await import('./load.ts')).loadCommand,
  },
  {
    group: 'Write',
    name: 'dead-letters',
    summary: 'list or replay rows that were refused',
    load: async () => (await import('./dead-letters.ts')).deadLettersCommand,
  },
  { group: 'Look', name: 'ls', summary: 'list what is defined', load: async () => (await import('./ls.ts')).lsCommand },
  {
    group: 'Look',
    name: 'show',
    summary: 'show one definition and what is stored of it',
    load: async () => (await import('./show.ts')).showCommand,
  },
  {
    group: 'Look',
    name: 'history',
    summary: 'list the versions of the registry',
    load: async () => (await import('./history.ts')).historyCommand,
  },
  {
    group: 'Look',
    name: 'diff',
    summary: 'compare two versions of the registry',
    load: async () => (await import('./diff.ts')).diffCommand,
  },
  {
    group: 'Look',
    name: 'rollback',
    summary: 'make an old version the newest one',
    load: async () => (await import('./rollback.ts')).rollbackCommand,
  },
  {
    group: 'Look',
    name: 'runs',
    summary: 'list materializations',
    load: async () => (await import('./runs.ts')).runsCommand,
  },
  {
    group: 'Look',
    name: 'run',
    summary: 'show or cancel one materialization',
    load: async () => (await import('./run.ts')).runCommand,
  },
  {
    group: 'Look',
    name: 'doctor',
    summary: 'look at what commonly goes wrong',
    load: async () => (await import('./doctor.ts')).doctorCommand,
  },
  {
    group: 'Look',
    name: 'explain',
    summary: 'say what an error code means',
    load: async () => (await import('./explain.ts')).explainCommand,
  },
  {
    group: 'Look',
    name: 'completion',
    summary: 'print the script that completes at Tab',
    load: async () => (await import('./completion.ts')).completionCommand,
  },
])
