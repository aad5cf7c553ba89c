import type { Mutant } from './mutant.js';

/** What registries and their discoverers have got wrong. */
export const registryMutants: readonly Mutant[] = [
  {
    name: 'a discoverer that is told one key of a revision at a time',
    origin: 'a watcher that looks at events, not at revisions: half of what went with one lease is still there',
    edits: [
      {
        file: 'store/mirror.js',
        find: 'events[i + 1]?.kv.modRevision === kv.modRevision',
        replace: 'false',
      },
    ],
    workloads: ['registry'],
    rules: ['convergence: existed'],
  },
  {
    name: 'a list that is followed by what it has in it already',
    origin: 'apache/apisix #12834: events from before the list, applied after it',
    // A mirror lets nothing pass either that is older than what it shows.
    edits: [
      { file: 'store/follow.js', find: 'eventsAfter(events, listed)', replace: 'events' },
      {
        file: 'store/mirror.js',
        find: 'eventsAfter(events, this.#told)',
        replace: 'events',
      },
    ],
    workloads: ['registry'],
    rules: ['convergence: never back'],
  },
  {
    name: 'changes that are gathered before anybody hears of them',
    origin: 'Eureka: registries and clients that answer from caches of 30 s',
    edits: [
      {
        file: 'registry/discovery.js',
        find: 'onChange: (change) => this.#changed(change),',
        replace: 'onChange: (change) => void runtime.setTimer(400, () => this.#changed(change)),',
      },
    ],
    workloads: ['registry'],
    rules: ['convergence: in time'],
  },
  {
    name: 'a stream that is opened again long after it broke',
    origin: 'gRPC: a back-off of up to 120 s, however long the server has been there again',
    edits: [{ file: 'wire/watch-lane.js', find: 'setTimer(this.#backoffMs(), ', replace: 'setTimer(20_000, ' }],
    workloads: ['registry'],
    rules: ['convergence: in time'],
  },
  {
    name: 'an entry on no lease',
    origin: 'Nacos: persistent instances, which stay when their process has died',
    edits: [
      {
        file: 'lease/kept-key.js',
        find: 'stepFrom(known, this.#spec.key, value, lease)',
        replace: 'stepFrom(known, this.#spec.key, value, 0n)',
      },
    ],
    workloads: ['registry'],
    rules: ['dead entries: lease'],
  },
  {
    name: 'a lease that ends long after its time',
    origin: 'etcd: 5 to 6 s late after a change of the leader (reliability.md)',
    edits: [
      {
        file: 'engine/lease-table.js',
        find: 'Math.max(lease.deadlineMs, nowMs + ',
        replace: 'Math.max(lease.deadlineMs, nowMs + 2_500 + ',
      },
    ],
    workloads: ['registry'],
    rules: ['dead entries: gone'],
  },
];
