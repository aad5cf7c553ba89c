import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { heldInTime } from '../../../src/sim/checkers/held-in-time.js';
import type { History } from '../../../src/sim/history.js';
import { Prng } from '../../../src/sim/prng.js';
import { forAll } from './support/for-all.js';
import { rules, Tale, tell } from './support/tale.js';

const place = { fence: 2n, lease: 7n };

function read(tale: Tale, held: boolean, more: { remainingMs?: number; serverHas?: boolean } = {}) {
  tale.note('a', 'lock', 'held', { ...place, held, remainingMs: held ? 100 : 0, ...more });
}

const beat = (tale: Tale, ttlMs = 1000) => tale.did('a', 's', 'lease.keepAlive', { lease: 7n }, { ttlMs });
const ended = (tale: Tale, cause: 'expired' | 'injected') =>
  tale.note('server', 'kv', 'lease.ended', { lease: 7n, cause });

describe('held in time', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'Deadline - moved by each heartbeat, then false - pass',
      [],
      (tale) => {
        tale.did('a', 's', 'lease.grant', { lease: 7n }, { ttlMs: 1000 });
        for (let i = 0; i < 3; i++) {
          tale.wait(500);
          read(tale, true);
          beat(tale);
        }
        tale.wait(1000);
        read(tale, false);
      },
    ],
    [
      'Expired - a fault took the lease early - pass',
      [],
      (tale) => {
        beat(tale);
        ended(tale, 'injected');
        read(tale, true, { serverHas: false });
        read(tale, false);
      },
    ],
    [
      'Expired - false before the server let it go - pass',
      [],
      (tale) => {
        read(tale, false, { serverHas: true });
        ended(tale, 'expired');
        read(tale, false, { serverHas: false });
      },
    ],
    [
      'Deadline - true after it - fail',
      ['held-in-time: deadline'],
      (tale) => {
        beat(tale);
        tale.wait(1000);
        read(tale, true);
      },
    ],
    [
      'Deadline - counted from when the answer came - fail',
      ['held-in-time: deadline'],
      (tale) => {
        const call = tale.call('a', 's', 'lease.keepAlive', { lease: 7n });
        tale.wait(600);
        call.ok({ ttlMs: 1000 });
        tale.wait(600);
        read(tale, true);
      },
    ],
    [
      'Deadline - moved by a heartbeat that was never answered - fail',
      ['held-in-time: deadline'],
      (tale) => {
        beat(tale);
        tale.wait(600);
        tale.call('a', 's', 'lease.keepAlive', { lease: 7n }).unknown(new Error('lost'));
        tale.wait(600);
        read(tale, true);
      },
    ],
    [
      'Expired - true when the lease has run out - fail',
      ['held-in-time: expired'],
      (tale) => {
        ended(tale, 'expired');
        read(tale, true);
      },
    ],
    [
      'Expired - true when the server has nothing - fail',
      ['held-in-time: expired'],
      (tale) => read(tale, true, { serverHas: false }),
    ],
    [
      'Once false - true again - fail',
      ['held-in-time: once false'],
      (tale) => {
        read(tale, false);
        read(tale, true);
      },
    ],
    [
      'Once false - true after its signal has aborted - fail',
      ['held-in-time: once false'],
      (tale) => {
        tale.note('a', 'lock', 'lost', { ...place, reason: 'server' });
        read(tale, true);
      },
    ],
    [
      'Remaining - held with no time left - fail',
      ['held-in-time: remaining'],
      (tale) => read(tale, true, { remainingMs: 0 }),
    ],
    [
      'Remaining - time left, and not held - fail',
      ['held-in-time: remaining'],
      (tale) => read(tale, false, { remainingMs: 5 }),
    ],
  ])('%s', (_, broken, write) => expect(rules(heldInTime(tell(write)))).toEqual(broken));

  it('valid histories pass', () => {
    forAll(fc.nat(), (seed) => expect(heldInTime(readings(seed, 0))).toEqual([]));
  });

  it('a holder that believes 1 ms too long is caught', () => {
    forAll(fc.nat(), (seed) => {
      expect(rules(heldInTime(readings(seed, 1)))).toEqual(['held-in-time: deadline']);
    });
  });
});

/**
 * Heartbeats and readings at random; the last reading comes so many ms after the last moment at which it may be true.
 */
function readings(seed: number, lateMs: number): History {
  const random = new Prng(seed);
  const tale = new Tale();
  for (let i = 1 + random.below(6); i > 0; i--) {
    beat(tale);
    tale.wait(random.below(400));
    read(tale, true);
  }
  const call = tale.call('a', 's', 'lease.keepAlive', { lease: 7n });
  const sentMs = tale.nowMs;
  tale.wait(random.below(900));
  call.ok({ ttlMs: 1000 });
  tale.nowMs = sentMs + 998 + lateMs;
  read(tale, true);
  return tale.history;
}
