import type { Mutant } from './mutant.js';

/** What watches that share one watch of the store can get wrong: `src/store/sharing/README.md`. */
export const sharingMutants: readonly Mutant[] = [
  {
    name: 'a watch that is behind takes part in one that is ahead',
    origin: 'SHARE-2: what the common one has told already never comes again',
    edits: [{ file: 'store/sharing/sharing-store.js', find: 'common.told <= source.told', replace: 'true' }],
    workloads: ['kv'],
    rules: ['watch: reliable', 'watch: resumable'],
  },
  {
    name: 'a watch is told what the common one had still to tell from before its start',
    origin: 'SHARE-2: the common one may be behind when it is joined, after a lost connection',
    edits: [
      { file: 'store/sharing/watch-source.js', find: 'last <= told', replace: 'false' },
      { file: 'store/sharing/watch-source.js', find: 'eventsAfter(events, told)', replace: 'events' },
    ],
    workloads: ['kv'],
    rules: ['watch: resumable', 'watch: ordered', 'watch: unique'],
  },
];
