import type { Mutant } from './mutant.js';

/** Bugs in what limits, prolongs or takes away a hold. */
export const holdMutants: readonly Mutant[] = [
  {
    name: 'permits given by the most there ever were',
    origin: 'a semaphore whose number of permits becomes smaller (Curator leaves that to a shared count of the user)',
    edits: [
      {
        file: 'line/admit.js',
        find: 'if (before + weight <= permits)',
        replace: 'if (before + weight <= highest)',
      },
    ],
    workloads: ['shared-locks'],
    rules: ['semaphore: given', 'semaphore: bounded'],
  },
  {
    name: 'a hold that is over and kept',
    origin: 'a longest time that only the holder knows: who forgets to let go blocks all',
    edits: [
      {
        file: 'line/hold.js',
        find: '.then(() => this.#leave())\n            .catch(',
        replace: '.then(() => { })\n            .catch(',
      },
    ],
    workloads: ['lock'],
    rules: ['liveness: finished', 'no-hanging-promise'],
  },
  {
    name: 'given away before the work can stop',
    origin: 'DESIGN.md section 3, rule 8: work stops before release',
    edits: [
      {
        file: 'line/hold.js',
        find: 'stopGraceMs, this.session.signal',
        replace: '0, this.session.signal',
      },
    ],
    workloads: ['lock'],
    rules: ['max-hold: grace'],
  },
  {
    name: 'a longest time by the wall clock, which somebody sets back',
    origin: 'DESIGN.md section 3, rule 1: the clock that has moved most',
    edits: [
      {
        file: 'line/hold-time.js',
        find: 'elapsedMs(this.#runtime, this.#since)',
        replace: '(this.#runtime.clocks().wallMs - this.#since.wallMs)',
      },
    ],
    workloads: ['lock'],
    rules: ['max-hold: bounded'],
  },
  {
    name: 'a cool-down cut short by its own clean-up',
    origin: 'LEASE-10 and LOCK-16: a lost session revokes its lease, and with it what the delay is kept by',
    edits: [
      {
        file: 'lease/session.js',
        find: 'marginMs(ttlMs) + this.#reserveMs;',
        replace: 'marginMs(ttlMs);',
      },
    ],
    workloads: ['lock'],
    rules: ['lock-delay: kept'],
  },
  {
    name: 'a cool-down that its holder counts on',
    origin: 'Consul: a lock-delay begins when the session is invalidated, not before',
    edits: [
      {
        file: 'lease/session.js',
        find: 'ttlMs: grant.ttlMs - this.#reserveMs',
        replace: 'ttlMs: grant.ttlMs',
      },
      {
        file: 'lease/heartbeat.js',
        find: 'Number(kept.ttl) * 1000 - this.#listener.reserveMs',
        replace: 'Number(kept.ttl) * 1000',
      },
    ],
    workloads: ['lock'],
    rules: ['lock-delay: kept'],
  },
  {
    name: 'a steal that takes from those who wait as well',
    origin: 'WEBLOCKS-10; breaking places one by one until nobody is before the thief',
    edits: [
      {
        file: 'web-locks/steal.js',
        find: 'if (placeName(stands, place.key) === undefined)',
        replace: 'if (true)',
      },
    ],
    workloads: ['web-locks'],
    rules: ['steals: only holders'],
  },
];
