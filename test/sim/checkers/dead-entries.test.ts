import { describe, expect, it } from 'vitest';
import { deadEntries } from '../../../src/sim/checkers/dead-entries.js';
import { rules, type Tale, tell } from './support/tale.js';

const ttlMs = 2_000;
const text = (...leases: bigint[]) => JSON.stringify(leases.map((lease) => `x owner c:80 100 ${lease}`));
const state = (tale: Tale, ...leases: bigint[]) =>
  tale.note('server', 'users', 'state', { revision: 1n, value: text(...leases) });
const view = (tale: Tale, ...leases: bigint[]) =>
  tale.note('c', 'users', 'view', { observer: '1', revision: 1n, value: text(...leases) });
const granted = (tale: Tale, lease: bigint) => tale.note('server', 'kv', 'lease.granted', { lease, ttlMs });
const renewed = (tale: Tale, lease: bigint) => tale.note('server', 'kv', 'lease.renewed', { lease, ttlMs });
const healed = (tale: Tale) => tale.note('world', 'run', 'phase', { phase: 'healed', arrivedMs: tale.nowMs });
const pause = (tale: Tale, durationMs: number) =>
  tale.note('world', 'run', 'fault', { word: 'server-pause', atMs: tale.nowMs, untilMs: tale.nowMs + durationMs });

describe('dead entries', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'go with their lease, a moment late - pass',
      [],
      (tale) => {
        granted(tale, 7n);
        state(tale, 7n);
        tale.wait(1_500);
        renewed(tale, 7n);
        tale.wait(ttlMs + 900);
        state(tale);
      },
    ],
    [
      'stand for longer when the server stood still - pass',
      [],
      (tale) => {
        granted(tale, 7n);
        state(tale, 7n);
        pause(tale, 5_000);
        tale.wait(5_000 + ttlMs);
        state(tale);
      },
    ],
    [
      'are shown for a while by who was cut off - pass',
      [],
      (tale) => {
        granted(tale, 7n);
        view(tale, 7n);
        tale.wait(60_000);
        healed(tale);
        tale.wait(10_000);
        view(tale);
      },
    ],
    [
      'stand long after their lease - fail',
      ['dead entries: gone'],
      (tale) => {
        granted(tale, 7n);
        state(tale, 7n);
        tale.wait(ttlMs + 1_100);
        state(tale);
      },
    ],
    [
      'stand among others that live - fail',
      ['dead entries: gone'],
      (tale) => {
        granted(tale, 7n);
        granted(tale, 8n);
        state(tale, 7n, 8n);
        tale.wait(ttlMs + 1_100);
        renewed(tale, 8n);
        state(tale, 8n);
      },
    ],
    [
      'stand on no lease - fail',
      ['dead entries: lease'],
      (tale) => {
        state(tale, 0n);
        state(tale);
      },
    ],
    [
      'are shown for ever - fail',
      ['dead entries: gone'],
      (tale) => {
        granted(tale, 7n);
        view(tale, 7n);
        healed(tale);
        tale.wait(60_000);
        tale.note('world', 'run', 'phase', { phase: 'end' });
      },
    ],
  ])('%s', (_, expected, write) => {
    expect(rules(deadEntries(tell(write)))).toEqual(expected);
  });
});
