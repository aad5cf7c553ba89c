import type { Command } from 'commander';

/** Adds arguments, flags and the action to a command that has its name and summary. */
export type DefineCommand = (command: Command) => void;

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /**
   * Loads what the command needs, and only when it is asked for: gRPC alone takes longer to load than `--help` to
   * print.
   */
  load(): Promise<DefineCommand>;
}

export const commandTable: readonly CommandEntry[] = [
  {
    name: 'serve',
    summary: 'serve etcd’s v3 API, in memory or on disk',
    load: async () => (await import('./commands/serve.js')).defineServe,
  },
  {
    name: 'restore',
    summary: 'make the data of a server of a snapshot',
    load: async () => (await import('./commands/restore.js')).defineRestore,
  },
  {
    name: 'lock',
    summary: 'hold a lock, or run a command under it',
    load: async () => (await import('./commands/lock.js')).defineLock,
  },
  {
    name: 'locks',
    summary: 'list, inspect and break locks; find deadlocks',
    load: async () => (await import('./commands/locks.js')).defineLocks,
  },
  {
    name: 'queue',
    summary: 'push jobs, work on them, list, redrive and purge them',
    load: async () => (await import('./commands/queue.js')).defineQueue,
  },
  {
    name: 'schedule',
    summary: 'run a command at each tick, on one host of many',
    load: async () => (await import('./commands/schedule.js')).defineSchedule,
  },
  {
    name: 'check',
    summary: 'is the store there, what is it, how far away',
    load: async () => (await import('./commands/check.js')).defineCheck,
  },
  {
    name: 'elect',
    summary: 'stand for election, or listen to who leads',
    load: async () => (await import('./commands/elect.js')).defineElect,
  },
  {
    name: 'services',
    summary: 'list, watch and drain services; run one',
    load: async () => (await import('./commands/services.js')).defineServices,
  },
  {
    name: 'elections',
    summary: 'list elections, watch who leads',
    load: async () => (await import('./commands/elections.js')).defineElections,
  },
  {
    name: 'config',
    summary: 'read, write, watch and roll back configuration',
    load: async () => (await import('./commands/config.js')).defineConfig,
  },
  {
    name: 'flags',
    summary: 'switch, roll out and evaluate feature flags',
    load: async () => (await import('./commands/flags.js')).defineFlags,
  },
  {
    name: 'barrier',
    summary: 'wait at a barrier, close and open it',
    load: async () => (await import('./commands/barrier.js')).defineBarrier,
  },
  {
    name: 'counter',
    summary: 'read and change counters, draw numbers',
    load: async () => (await import('./commands/counter.js')).defineCounter,
  },
];
