import type { Mutant } from './mutant.js';

/** What can go wrong where many callers of a process stand behind one place. */
export const crowdMutants: readonly Mutant[] = [
  {
    name: 'a turn handed on within the process',
    origin: 'cohort locks (lockcohorting, Redisson’s local queues): the next holder has the fence of the last',
    edits: [
      {
        file: 'line/crowd.js',
        find: `        this.#places = 0;
        const gone = deferred();`,
        replace: `        const handed = this.#nextWaiter();
        handed.turn.resolve(this.#crowdTurn(turn, handed.caller.value(1), handed.caller.value(1)));
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
        find: 'success: [remove(key), ...reads, putPlace(place)],',
        replace: 'success: [...reads, putPlace(place)],',
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
        find: 'return enterInstead(store, rule, place, instead, again);',
        replace: 'return (instead.gone(), enterInstead(store, rule, place, instead, again));',
      },
    ],
    workloads: ['lock-crowd'],
    rules: ['liveness: finished', 'no-hanging-promise', 'nothing-left'],
  },
  {
    name: 'whoever went was the head',
    origin: 'a waiter that gives up in the middle is no hand-over: Go’s Mutex waits for all who came before it',
    edits: [
      {
        file: 'line/head.js',
        find: 'createRevision ? headOf(last) : undefined;',
        replace: 'createRevision ? { length: 9 } : undefined;',
      },
    ],
    workloads: ['lock-heads'],
    rules: ['mutual-exclusion: exclusive', 'first-in-line'],
  },
  {
    name: 'the next one without its own place',
    origin: 'etcd #11456: the line is free, but one’s own key has gone',
    edits: [
      {
        file: 'line/sight.js',
        find: 'return lookUnless(store, rule, standing, notMadeAt(head), known);',
        replace: `const { header } = await store.txn({ compare: [notMadeAt(head)] });
    return { ...known, header };`,
      },
    ],
    workloads: ['lock-heads'],
    rules: ['first-in-line'],
  },
  {
    name: 'a nonce that is used again though a request with it was never answered',
    origin: 'etcd #22082: a request that is applied late meets another place of the same name',
    edits: [
      { file: 'lease/nonces.js', find: 'this.#owner.drop(this.#set);', replace: '' },
      {
        file: 'line/leave.js',
        find: 'void sweepLate(context, footing, place, 0n);',
        replace: 'place.nonce.free(), void sweepLate(context, footing, place, 0n);',
      },
    ],
    workloads: ['lock', 'lock-crowd', 'lock-heads'],
    rules: ['place-kept'],
  },
  {
    name: 'a nonce that is used again while its place stands',
    origin: 'etcd #14890: what is there already is taken for one’s own',
    edits: [
      {
        file: 'line/line.js',
        find: 'return { key, fence: createRevision, nonce, waited, length: seen.length, admitted: seen.header };',
        replace: `nonce?.free();
        return { key, fence: createRevision, waited, length: seen.length, admitted: seen.header };`,
      },
    ],
    workloads: ['lock', 'election'],
    rules: ['mutual-exclusion: exclusive', 'fence-growth: unique'],
  },
];
