import type { Mutant } from './mutant.js';

/** What can go wrong where many callers of a process stand behind one place. */
export const crowdMutants: readonly Mutant[] = [
  {
    name: 'a turn handed on within the process',
    origin: 'cohort locks (lockcohorting, Redisson’s local queues): the next holder has the fence of the last',
    edits: [
      {
        file: 'line/crowd.js',
        find: `            this.#places = 0;
            const gone = deferred();`,
        replace: `            const handed = this.#nextWaiter();
            handed.turn.resolve(this.#sharedTurn(turn, handed.caller.value(1)));
            return;
            const gone = deferred();`,
      },
    ],
    workloads: ['lock-crowd'],
    rules: ['fence-growth', 'wgl: fenced lock'],
  },
  {
    name: 'the next place made, the last one kept',
    origin: 'Curator #600: a waiter that nobody knows of, made by a hand-over',
    edits: [
      {
        file: 'line/enter.js',
        find: 'success: [remove(key), putPlace(place), ...reads],',
        replace: 'success: [putPlace(place), ...reads],',
      },
    ],
    workloads: ['lock-crowd'],
    rules: ['liveness: finished', 'no-hanging-promise', 'nothing-left'],
  },
  {
    name: 'gone before the store has said so',
    origin: 'DESIGN.md section 3, rule 4: a reply that never came is a state of its own',
    edits: [
      {
        file: 'line/enter.js',
        find: 'const entry = await enterInstead(store, rule, place, instead);',
        replace: 'instead.gone();\n        const entry = await enterInstead(store, rule, place, instead);',
      },
    ],
    workloads: ['lock-crowd'],
    rules: ['liveness: finished', 'no-hanging-promise', 'nothing-left'],
  },
];
