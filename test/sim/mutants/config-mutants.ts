import type { Mutant } from './mutant.js';

/** What live configuration has got wrong. */
export const configMutants: readonly Mutant[] = [
  {
    name: 'a config applied event by event',
    origin: 'Spring’s @RefreshScope before it was atomic, and whoever applies an etcd watch as it comes',
    edits: [
      {
        file: 'store/mirror.js',
        find: 'events[i + 1]?.kv.modRevision === kv.modRevision',
        replace: 'false',
      },
    ],
    workloads: ['config'],
    rules: ['config: whole', 'config: grows', 'convergence: existed'],
  },
  {
    name: 'a config that is shown before its schema has spoken',
    origin: 'Viper: a value of the wrong type is there, and fails where it is read',
    edits: [{ file: 'core/standard-schema.js', find: 'if (schema === undefined)', replace: 'if (true)' }],
    workloads: ['config'],
    rules: ['config: valid'],
  },
  {
    name: 'a slow judgement that overtakes a newer one',
    origin: 'every asynchronous validator without an order: the last to answer wins',
    edits: [{ file: 'config/feed.js', find: 'if (this.#started && !this.#judging)', replace: 'if (this.#started)' }],
    workloads: ['config'],
    rules: ['config: grows', 'convergence: never back', 'convergence: last seen'],
  },
  {
    name: 'what came while the schema thought is forgotten',
    origin: 'Viper’s WatchRemoteConfig: looks once',
    edits: [
      {
        file: 'config/feed.js',
        find: `this.#settle(turn, said);
                    this.#judgeNext();`,
        replace: 'this.#settle(turn, said);',
      },
    ],
    workloads: ['config'],
    rules: ['convergence: last seen'],
  },
  {
    name: 'a config write of which no answer came is taken for refused',
    origin: 'etcd #14890 the other way round: the guard fails at what the first try has done',
    edits: [
      {
        file: 'versions/write.js',
        find: 'answer.succeeded ? answer.header.revision : rangeAt(answer, 0).kvs[0]?.createRevision',
        replace: 'answer.succeeded ? answer.header.revision : undefined',
      },
    ],
    workloads: ['config'],
    rules: ['config: counted'],
  },
  {
    name: 'a config write without its guard',
    origin: 'last writer wins: what a colleague has just changed is gone',
    edits: [
      {
        file: 'versions/write.js',
        find: '...all.map(({ key, kv }) => modifiedAt(key, kv?.modRevision ?? 0n)), ...guards',
        replace: '...guards',
      },
    ],
    workloads: ['config'],
    rules: ['config: counted'],
  },
];
