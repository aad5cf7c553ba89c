import type { Mutant } from './mutant.js';

/** What counters have got wrong. */
export const counterMutants: readonly Mutant[] = [
  {
    name: 'an addition that does not ask whether it was done',
    origin: 'etcd #14890: a lost answer, sent again against the new value, adds twice',
    edits: [
      {
        file: 'counter/cell.js',
        find: 'applied: changes && did',
        replace: 'applied: false',
      },
    ],
    workloads: ['counter'],
    rules: ['counter'],
  },
  {
    name: 'a count that takes being late for a lost answer',
    origin:
      'its own before the audit of the work recipes: 16 writes of others and a compaction, and an addition failed',
    edits: [{ file: 'counter/cell.js', find: '(isDoubtful && ', replace: '(true && ' }],
    workloads: ['counter'],
    rules: ['calm'],
  },
  {
    name: 'a count that is written over',
    origin: 'read, add, put: whoever wrote in between is lost',
    edits: [
      { file: 'counter/cell.js', find: 'compare: [modifiedAt(this.key, known.revision)],', replace: 'compare: [],' },
    ],
    workloads: ['counter'],
    rules: ['counter: kept', 'counter: in order'],
  },
  {
    name: 'callers of one batch are told the same',
    origin: 'batching that forgets whose turn it was: two get the number of the last',
    edits: [
      {
        file: 'counter/cell.js',
        find: 'return () => done.resolve(result);',
        replace: "return () => done.resolve(typeof result === 'bigint' ? value : result);",
      },
    ],
    workloads: ['counter'],
    rules: ['counter: in order', 'counter: unique'],
  },
  {
    name: 'blocks that overlap by one',
    origin: 'hi-lo generators: the last of one block is the first of the next',
    edits: [
      {
        file: 'counter/sequence.js',
        find: 'last - BigInt(this.#block) + 1n',
        replace: 'last - BigInt(this.#block)',
      },
    ],
    workloads: ['counter'],
    rules: ['counter: unique'],
  },
  {
    name: 'a limiter of each process for itself',
    origin: 'rate limiters in memory: N processes allow N times as much',
    edits: [
      {
        file: 'counter/rate-limiter.js',
        find: 'return { next: result.arrivalNs, result };',
        replace: 'return { next: arrivalNs, result };',
      },
    ],
    workloads: ['counter'],
    rules: ['counter: rate'],
  },
];
