import type { Mutant } from './mutant.js';

/** What caches have got wrong. */
export const cacheMutants: readonly Mutant[] = [
  {
    name: 'a consistent read that does not wait for its watch',
    origin: 'Kubernetes before KEP-2340: a list from the watch cache goes back in time',
    edits: [{ file: 'store/catch-up.js', find: 'await this.to(now.revision);', replace: '' }],
    workloads: ['cache'],
    rules: ['cache: consistent', 'cache: fresh'],
  },
  {
    name: 'a read that is shared with who came after it',
    origin: 'request coalescing that joins a read already answered',
    edits: [
      {
        file: 'store/catch-up.js',
        find: `this.#next = undefined;
            const round = this.#round();`,
        replace: `const round = this.#round().finally(() => {
                this.#next = undefined;
            });`,
      },
    ],
    workloads: ['cache'],
    rules: ['cache: consistent'],
  },
  {
    name: 'a state judged by the number of its keys',
    origin: 'comparing counts: a value that was replaced is not missed',
    edits: [{ file: 'store/catch-up.js', find: 'told < known.newest || ', replace: '' }],
    workloads: ['cache'],
    rules: ['convergence: existed', 'convergence: last seen'],
  },
  {
    name: 'a state judged by its newest key',
    origin: 'comparing the last modification: a key that was deleted is not missed',
    edits: [{ file: 'store/catch-up.js', find: ' || BigInt(size) !== known.count', replace: '' }],
    workloads: ['cache'],
    rules: ['convergence: existed', 'convergence: last seen'],
  },
  {
    name: 'events of before a read that are shown after it',
    origin: 'etcd #15274, and every cache that takes a watch’s word over that of a later read',
    edits: [
      {
        file: 'store/mirror.js',
        find: 'eventsAfter(events, this.#told)',
        replace: 'events',
      },
    ],
    workloads: ['cache'],
    rules: ['convergence: never back', 'convergence: existed'],
  },
  {
    name: 'a bound on age that begins when the answer comes',
    origin: 'the receive time of a read says nothing of when it was carried out',
    edits: [
      { file: 'store/catch-up.js', find: 'this.proven(sentAt);', replace: 'this.proven(this.#runtime.clocks());' },
    ],
    workloads: ['cache'],
    rules: ['cache: fresh'],
  },
  {
    name: 'progress that is told ahead of events',
    origin: 'etcd #15220, before 3.4.25 and 3.5.8',
    edits: [
      {
        file: 'engine/watch-stream.js',
        find: `        if (members.length === 0 || !members.every(({ handle }) => handle.synced()))
            return;
        this.#send({ watchId: noWatchId, header: this.#header(this.#hub.toldRevision) });`,
        replace: `        if (members.length === 0)
            return;
        this.#send({ watchId: noWatchId, header: this.#header(this.#hub.toldRevision + 1n) });`,
      },
    ],
    workloads: ['cache'],
    rules: ['convergence'],
  },
  {
    name: 'a list after compaction that forgets nothing',
    origin: 'informers whose relist only adds: what was deleted meanwhile stays for ever',
    edits: [
      {
        file: 'store/mirror.js',
        find: 'this.#items = new Map();',
        replace: 'this.#items = new Map(before);',
      },
    ],
    workloads: ['cache'],
    rules: ['convergence'],
  },
];
