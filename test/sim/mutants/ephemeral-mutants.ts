import type { Mutant } from './mutant.js';

/** What persistent ephemeral nodes have got wrong. */
export const ephemeralMutants: readonly Mutant[] = [
  {
    name: 'an ephemeral key that is put without its guard',
    origin: 'Curator’s PersistentNode, which sets data on whatever node is there',
    edits: [
      {
        file: 'lease/known-key.js',
        find: 'compare: [modifiedAt(key, known?.modRevision ?? 0n)],',
        replace: 'compare: [],',
      },
    ],
    workloads: ['ephemeral'],
    rules: ['ephemeral: not over another’s', 'ephemeral: in order', 'registrations: comes back'],
  },
  {
    name: 'an ephemeral key that is not put again',
    origin: 'a plain ephemeral node: gone with the first lost session',
    edits: [
      {
        file: 'lease/kept-key.js',
        find: "if ((!isFull && unanswered(error)) || ConclaveError.is(error, 'SESSION_LOST', 'LEASE_NOT_FOUND'))",
        replace: "if (this.#status === 'pending' && unanswered(error))",
      },
    ],
    workloads: ['ephemeral'],
    rules: ['registrations: comes back'],
  },
  {
    name: 'a given up keeper that fights its successor',
    origin: 'two recipes on one session: each takes the other’s key for its own work',
    edits: [{ file: 'lease/kept-key.js', find: 'this.#doubtful = spec.before?.retire() ?? false;', replace: '' }],
    workloads: ['ephemeral'],
    rules: ['registrations: comes back', 'no-hanging-promise', 'registrations: stays gone'],
  },
  {
    name: 'an ephemeral key that is nobody else’s in doubt',
    origin: 'taking whatever stands at the key for one’s own: the other is written over',
    edits: [
      {
        file: 'ephemeral/ephemeral-key.js',
        find: 'isOwn: ({ lease }) => this.#leases.has(lease),',
        replace: 'isOwn: () => true,',
      },
    ],
    workloads: ['ephemeral'],
    rules: ['ephemeral: not over another’s'],
  },
];
