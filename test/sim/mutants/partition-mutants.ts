import type { Mutant } from './mutant.js';

/** What who shares out work has got wrong. */
export const partitionMutants: readonly Mutant[] = [
  {
    name: 'an item that is let go of while the work on it goes on',
    origin: 'Kafka’s consumers before their listener of revoked partitions had returned',
    edits: [{ file: 'group/share.js', find: 'await working?.catch(() => { });', replace: '' }],
    workloads: ['partition'],
    rules: ['mutual-exclusion: exclusive'],
  },
  {
    name: 'members that divide by what they see, without a lock for each item',
    origin: 'every hash ring over a list of members: two lists, two owners',
    edits: [
      {
        file: 'group/share.js',
        find: 'itemPrefix(this.#places, item)',
        replace: 'itemPrefix(this.#places, item + this.id)',
      },
    ],
    workloads: ['partition'],
    rules: ['mutual-exclusion: exclusive'],
  },
  {
    name: 'a member that keeps what it has',
    origin: 'first come, first served: whoever starts first has everything',
    edits: [
      { file: 'group/share.js', find: 'if (wanted.get(item) !== this.id)', replace: 'if (false)' },
      { file: 'group/assignment.js', find: 'free.push(...mine.slice(quota));', replace: '' },
    ],
    workloads: ['partition'],
    rules: ['partition: even'],
  },
  {
    name: 'an item that is never tried again after a request without an answer',
    origin: 'kratos #3883: one failure, and it is nobody’s for ever',
    edits: [
      { file: 'group/share.js', find: 'this.#taking.delete(item);', replace: 'if (taken) this.#taking.delete(item);' },
    ],
    workloads: ['partition'],
    rules: ['partition: whole', 'partition: even'],
  },
];
