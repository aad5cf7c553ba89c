import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { leaseNotEarly } from '../../../src/sim/checkers/lease-not-early.js';
import type { History } from '../../../src/sim/history.js';
import { Prng } from '../../../src/sim/prng.js';
import { forAll } from './support/for-all.js';
import { placesOf } from './support/mutate.js';
import { rules, Tale, tell } from './support/tale.js';

const granted = (tale: Tale, ttlMs = 1000) => tale.note('server', 'kv', 'lease.granted', { lease: 7n, ttlMs });
const renewed = (tale: Tale, ttlMs = 1000) => tale.note('server', 'kv', 'lease.renewed', { lease: 7n, ttlMs });
const ended = (tale: Tale, cause: 'expired' | 'revoked' | 'injected', revision?: bigint) =>
  tale.note('server', 'kv', 'lease.ended', { lease: 7n, cause, ...(revision !== undefined && { revision }) });
const put = (tale: Tale, key: string, revision: bigint, lease = 7n) =>
  tale.note('server', 'kv', 'kv.event', {
    type: 'put',
    key,
    value: '',
    create: revision,
    revision,
    version: 1n,
    lease,
  });
const gone = (tale: Tale, key: string, revision: bigint) =>
  tale.note('server', 'kv', 'kv.event', {
    type: 'delete',
    key,
    value: '',
    create: 0n,
    revision,
    version: 0n,
    lease: 0n,
  });

describe('lease not early', () => {
  it.each<[string, string[], (tale: Tale) => void]>([
    [
      'Expired - after its time - pass',
      [],
      (tale) => {
        granted(tale);
        tale.wait(500);
        renewed(tale);
        tale.wait(1000);
        ended(tale, 'expired');
      },
    ],
    [
      'Expired - revoked, or taken by a fault - pass',
      [],
      (tale) => {
        granted(tale);
        ended(tale, 'revoked');
        granted(tale);
        ended(tale, 'injected');
      },
    ],
    [
      'Expired - by the server’s own clock - pass',
      [],
      (tale) => {
        tale.note('server', 'kv', 'lease.granted', { lease: 7n, ttlMs: 1000, serverMs: 0 });
        tale.note('server', 'kv', 'lease.ended', { lease: 7n, cause: 'expired', serverMs: 1000 });
      },
    ],
    [
      'Expired - an answered heartbeat, as the client saw it - pass',
      [],
      (tale) => {
        tale.did('a', 's', 'lease.keepAlive', { lease: 7n }, { ttlMs: 1000 });
        tale.wait(1000);
        ended(tale, 'expired');
      },
    ],
    [
      'Together - all its keys - pass',
      [],
      (tale) => {
        put(tale, 'a', 2n);
        put(tale, 'b', 3n);
        put(tale, 'c', 4n);
        put(tale, 'c', 5n, 0n);
        gone(tale, 'a', 6n);
        gone(tale, 'b', 6n);
        ended(tale, 'revoked', 6n);
      },
    ],
    [
      'Expired - too soon - fail',
      ['lease-not-early: expired'],
      (tale) => {
        granted(tale);
        tale.wait(900);
        ended(tale, 'expired');
      },
    ],
    [
      'Expired - counted from the grant, not from the renewal - fail',
      ['lease-not-early: expired'],
      (tale) => {
        granted(tale);
        tale.wait(600);
        renewed(tale);
        tale.wait(600);
        ended(tale, 'expired');
      },
    ],
    [
      'Expired - too soon by the server’s own clock - fail',
      ['lease-not-early: expired'],
      (tale) => {
        tale.note('server', 'kv', 'lease.granted', { lease: 7n, ttlMs: 1000, serverMs: 0 });
        tale.wait(2000);
        tale.note('server', 'kv', 'lease.ended', { lease: 7n, cause: 'expired', serverMs: 999 });
      },
    ],
    [
      'Expired - too soon after an acknowledged heartbeat was sent - fail',
      ['lease-not-early: expired'],
      (tale) => {
        tale.did('a', 's', 'lease.keepAlive', { lease: 7n }, { ttlMs: 1000 });
        tale.wait(900);
        ended(tale, 'expired');
      },
    ],
    [
      'Together - a key stays - fail',
      ['lease-not-early: together'],
      (tale) => {
        put(tale, 'a', 2n);
        put(tale, 'b', 3n);
        gone(tale, 'a', 4n);
        ended(tale, 'revoked', 4n);
      },
    ],
    [
      'Together - in two revisions - fail',
      ['lease-not-early: together'],
      (tale) => {
        put(tale, 'a', 2n);
        put(tale, 'b', 3n);
        gone(tale, 'a', 4n);
        ended(tale, 'revoked', 4n);
        gone(tale, 'b', 5n);
      },
    ],
    [
      'Together - the only key stays, so that there is no revision - fail',
      ['lease-not-early: together'],
      (tale) => {
        put(tale, 'a', 2n);
        ended(tale, 'revoked');
        put(tale, 'b', 3n, 0n);
      },
    ],
    [
      'Together - no key hangs on it any more, so that there is no revision - pass',
      [],
      (tale) => {
        put(tale, 'a', 2n);
        put(tale, 'a', 3n, 0n);
        ended(tale, 'revoked');
      },
    ],
    [
      'Dead - a put on a lease that has ended - fail',
      ['lease-not-early: dead'],
      (tale) => {
        ended(tale, 'revoked', 4n);
        put(tale, 'a', 5n);
      },
    ],
  ])('%s', (_, broken, write) => expect(rules(leaseNotEarly(tell(write)))).toEqual(broken));

  it('valid histories pass, and an expiry before its time is caught', () => {
    forAll(fc.record({ seed: fc.nat(), choice: fc.nat() }), ({ seed, choice }) => {
      const history = leases(seed);
      expect(leaseNotEarly(history)).toEqual([]);
      const ends = placesOf(history, (entry) => entry.type === 'note' && entry.fact === 'lease.ended');
      const at = ends[choice % ends.length] as number;
      // Everything from the expiry on comes 2 s earlier: no lease lives longer than a moment after its TTL.
      const early = history.map((entry, i) => (i >= at ? { ...entry, atMs: entry.atMs - 2000 } : entry));
      expect(rules(leaseNotEarly(early))).toContain('lease-not-early: expired');
    });
  });
});

function leases(seed: number): History {
  const random = new Prng(seed);
  const tale = new Tale();
  for (let lease = 1n; lease <= 4n; lease++) {
    tale.note('server', 'kv', 'lease.granted', { lease, ttlMs: 3000 });
    for (let beats = random.below(4); beats > 0; beats--) {
      tale.wait(random.below(2900));
      tale.note('server', 'kv', 'lease.renewed', { lease, ttlMs: 3000 });
    }
    tale.wait(3000 + random.below(900));
    tale.note('server', 'kv', 'lease.ended', { lease, cause: 'expired' });
  }
  return tale.history;
}
